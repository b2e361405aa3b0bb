"""Names of weights as training frameworks store them, brought to the names of an architecture.

DataParallel puts `module.` before each name and torch.compile `_orig_mod.`, also inside; Lightning and own wrappers put
one or more parts of their own. Any prefix shared by all names of the network is removed where that leaves exactly one
whole network.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from analysis.errors import RefusedError
from analysis.sweep.networks.architectures import AUXILIARY_PREFIXES

_WRAPPERS = {"module", "_orig_mod"}
_OLD_DENSENET = re.compile(r"(.*denselayer\d+\.(?:norm|conv))\.([12]\..+)")
"""torchvision's published weights before version 0.3 (`norm.1`), which it renames itself when it downloads them."""
_OF_A_LOSS = re.compile(
    r"(?:^|[._])(?:criterion|loss|metrics?|pos_weight|class_weights?|n_averaged)(?:[._]|$)"
)
_EMA = re.compile(r"(?:^|[^a-z])ema(?:[^a-z]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Names:
    """`found`: stored name of each name of the network; `prefix`: what stood before them; `skipped`: names of losses
    and of other networks; `missing` and `unexpected`: why this is another network.
    """

    found: Mapping[str, str]
    prefix: str
    skipped: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]


class AmbiguousError(RefusedError):
    """Several networks, or several weights of one name; the message names two."""


def is_ema(name: str) -> bool:
    """Say whether a key or prefix is that of an exponential moving average of weights."""
    return _EMA.search(name) is not None


def match_names(
    stored: Sequence[str], wanted: Collection[str], rules: Mapping[str, str], weights: str
) -> Names:
    """Find the names of a network among stored ones.

    Parameters
    ----------
    wanted: names of the network, those that it counts batches by left out.
    rules: beginnings of stored names and what to put in their place.
    weights: `raw` or `ema`, where both are there.

    Raises
    ------
    AmbiguousError: several whole networks, none of them bare; two stored names that become one.
    """
    own = {part for name in wanted for part in name.split(".")}
    plain: dict[str, str] = {}
    for name in stored:
        new = _plain(name, own, rules)
        if new in plain:
            raise AmbiguousError(f"the names {plain[new]!r} and {name!r} of one weight")
        plain[new] = name
    first = next(iter(wanted))
    prefixes = [name.removesuffix(first) for name in plain if name == first or name.endswith(f".{first}")]
    whole = [prefix for prefix in prefixes if all(prefix + name in plain for name in wanted)]
    prefix = _chosen(whole, weights) if whole else ""
    inside = {name.removeprefix(prefix): old for name, old in plain.items() if name.startswith(prefix)}
    others = tuple(other for other in whole if other != prefix)
    extra = [name for name in inside if name not in wanted and not _unimportant(name)]
    skipped = [name for name in extra if _OF_A_LOSS.search(name) or (prefix + name).startswith(others)]
    outside = [old for name, old in plain.items() if not name.startswith(prefix)]
    return Names(
        {
            name: old
            for name, old in inside.items()
            if name.replace("num_batches_tracked", "running_mean") in wanted
        },
        prefix,
        tuple(outside + [inside[name] for name in skipped]),
        tuple(name for name in wanted if name not in inside),
        tuple(name for name in extra if name not in skipped),
    )


def _plain(name: str, own: set[str], rules: Mapping[str, str]) -> str:
    parts = [part for part in name.split(".") if part not in _WRAPPERS or part in own]
    name = ".".join(parts)
    if found := _OLD_DENSENET.fullmatch(name):
        name = found[1] + found[2]
    old = next((old for old in rules if name.startswith(old)), None)
    return name if old is None else rules[old] + name.removeprefix(old)


def _chosen(whole: Sequence[str], weights: str) -> str:
    averaged = [prefix for prefix in whole if is_ema(prefix)]
    pool = averaged if weights == "ema" and averaged else [p for p in whole if p not in averaged] or averaged
    if len(pool) > 1 and "" not in pool:
        raise AmbiguousError(f"whole networks under {pool[0]!r} and {pool[1]!r}")
    return "" if "" in pool else pool[0]


def _unimportant(name: str) -> bool:
    return name.endswith("num_batches_tracked") or name.startswith(AUXILIARY_PREFIXES)
