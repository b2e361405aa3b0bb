"""What each case will be called, in which block it will be read and what will be shown of it.

Blocks of the reading order hold at least 8 cases each, are balanced by arm, and keep the members of a matched set
apart.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

import pandas as pd

from analysis import frames
from analysis.caseset.errors import CaseSetError
from analysis.caseset.keys import case_key, place, separation_group
from analysis.caseset.roles import case_of, check_roles

PERSONAL = ("view", "sex", "age")
"""What a protocol may show of the patient, for all cases or for none."""


def plan_cases(
    selection: pd.DataFrame, *, shown: Sequence[str], block_size: int, nonce: bytes
) -> pd.DataFrame:
    """Name the cases of a selection and put them into blocks; return one row per image, sorted by case.

    A case is named after its first image, the others follow it in their order.

    Returns
    -------
    A frame with case, source, labels, n_labels, block, separation_group, arm, pair, score, class_group,
    n_findings and the shown columns; role too where a case has several images.

    Raises
    ------
    CaseSetError: nothing selected, a shown column that is unknown, absent or blank, images that `check_roles` refuses.
    FrameError: a row that frames.SELECTION does not allow.
    """
    frames.check_table(selection, frames.SELECTION)
    if selection.empty:
        raise CaseSetError("expected at least one selected image, got none")
    rows = selection.rename(columns={"image": "source"}).reset_index(drop=True)
    rows["source"] = rows["source"].astype(str)
    rows["labels"] = [_normal(text, row) for row, text in enumerate(rows["labels"], start=1)]
    rows["n_labels"] = rows["labels"].str.count(";") + 1
    members = case_of(rows)
    if not check_roles(rows, members, "selection"):
        rows = rows.drop(columns="role", errors="ignore")
    rows["case"] = rows.groupby(members, sort=False)["source"].transform(
        lambda own: case_key(nonce, own.iloc[0])
    )
    first = rows[~rows["case"].duplicated()]
    names = first.groupby("pair")["source"].agg(lambda sources: separation_group(nonce, sources))
    rows["separation_group"] = rows["pair"].map(names)
    cases = list(first["case"])
    blocks = assign_blocks(
        cases, list(first["pair"].map(names)), list(first["arm"]), block_size=block_size, nonce=nonce
    )
    rows["block"] = rows["case"].map(dict(zip(cases, blocks, strict=True)))
    for name in shown:
        rows[name] = _shown(rows, name)
    return rows.sort_values("case", ignore_index=True, kind="stable")


def _normal(text: object, row: int) -> str:
    """Write labels in one way: single spaces, joined by '; '."""
    labels = [" ".join(part.split()) for part in str(text).split(";")]
    if not all(labels):
        raise CaseSetError(
            f"selection, row {row}, column 'labels': expected labels joined by '; ', got {text!r}"
        )
    return "; ".join(labels)


def _shown(rows: pd.DataFrame, name: str) -> pd.Series:
    if name not in PERSONAL:
        raise CaseSetError(f"expected to show some of {', '.join(PERSONAL)}, got {name!r}")
    if name not in rows.columns:
        raise CaseSetError(f"cannot show '{name}': the selection has no such column (was metadata given?)")
    values = rows[name]
    blank = values.isna() | (values.astype(str).str.strip() == "")
    if blank.any():
        source = rows.loc[blank, "source"].iloc[0]
        raise CaseSetError(f"'{name}' is shown for all cases or none: it is blank for {source!r}")
    if name == "age":
        return pd.to_numeric(values).map(lambda age: f"{age:g}")
    return values.astype(str).str.strip()


MINIMUM_BLOCK = 8
"""Fewest cases of a block; a set with fewer is one block."""


FAMILIES = 2
"""Fewest families of blocks: with two, blocks of the one can be placed between those of the other."""


def assign_blocks(
    cases: Sequence[str], groups: Sequence[str], arms: Sequence[int], *, block_size: int, nonce: bytes
) -> list[int]:
    """Assign each case to a block, from 1.

    Blocks come in families of as many as the largest group has members. A group's members are in different
    blocks of one family, so that an order of blocks in which no two of a family are neighbours keeps members two
    blocks apart. Within a family each member goes where fewest cases of its arm are, so that every block holds
    both arms in the family's proportion, within one. A set too small for two families of blocks of
    `MINIMUM_BLOCK` gets blocks of whole groups instead.

    Which of the two arms is which is never used. Arms are compared with the arm of one case, the first in the
    order fixed by the nonce, so exchanging the arms of the whole set changes nothing.

    Parameters
    ----------
    cases: key of each case (cases).
    groups: separation group of each case (cases).
    arms: 0 or 1 of each case (cases).
    block_size: wanted number of cases in a block, at least `MINIMUM_BLOCK`.
    nonce: 256 bits; fixes the order.

    Returns
    -------
    The block of each case (cases), 1 to B, in the order given.

    Raises
    ------
    CaseSetError: a block size below the minimum, or lists of different length.
    """
    if block_size < MINIMUM_BLOCK:
        raise CaseSetError(f"expected blocks of at least {MINIMUM_BLOCK} cases, got {block_size}")
    if not len(cases) == len(groups) == len(arms):
        raise CaseSetError(
            f"expected one group and one arm per case, got {len(groups)} groups and {len(arms)} arms "
            f"for {len(cases)} cases"
        )
    spread = max(Counter(groups).values())
    wanted = max(FAMILIES, len(cases) // (spread * block_size))
    for families in range(wanted, FAMILIES - 1, -1) if spread > 1 else ():
        blocks = _spread(cases, groups, arms, families, spread, nonce)
        sizes = Counter(blocks)
        if len(sizes) == families * spread and min(sizes.values()) >= MINIMUM_BLOCK:
            return blocks
    return _whole(groups, arms, block_size, nonce)


def _spread(
    cases: Sequence[str],
    groups: Sequence[str],
    arms: Sequence[int],
    families: int,
    spread: int,
    nonce: bytes,
) -> list[int]:
    """Put the members of each group into different blocks of one family."""
    first = min(range(len(cases)), key=lambda number: place(nonce, cases[number]))
    alike = [arm == arms[first] for arm in arms]
    members: dict[str, list[int]] = defaultdict(list)
    for number in sorted(range(len(cases)), key=lambda number: (alike[number], place(nonce, cases[number]))):
        members[groups[number]].append(number)
    held: Counter[tuple[int, bool]] = Counter()
    blocks = [0] * len(cases)
    for dealt, group in enumerate(_order(groups, arms, nonce)):
        family = dealt % families
        free = [family * spread + step for step in range(spread)]
        for number in members[group]:
            fill = {
                block: (
                    held[block, alike[number]],
                    held[block, True] + held[block, False],
                    place(nonce, f"{block} {cases[number]}"),
                )
                for block in free
            }
            block = min(free, key=fill.__getitem__)
            held[block, alike[number]] += 1
            blocks[number] = block + 1
            free.remove(block)
    return blocks


def _whole(groups: Sequence[str], arms: Sequence[int], block_size: int, nonce: bytes) -> list[int]:
    """Deal whole groups like cards, kind by kind, so that blocks differ by at most one group of each kind."""
    order = _order(groups, arms, nonce)
    for blocks in range(max(1, len(groups) // block_size), 0, -1):
        dealt = {group: place_of % blocks + 1 for place_of, group in enumerate(order)}
        if blocks == 1 or min(Counter(dealt[group] for group in groups).values()) >= MINIMUM_BLOCK:
            break
    return [dealt[group] for group in groups]


def _order(groups: Sequence[str], arms: Sequence[int], nonce: bytes) -> list[str]:
    """Order the groups kind by kind; both orders are free of the names of the arms."""
    held: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for group, arm in zip(groups, arms, strict=True):
        held[group][int(arm)] += 1
    kinds: dict[tuple[int, int], list[str]] = defaultdict(list)
    for group, (controls, others) in held.items():
        kinds[controls, others].append(group)
    lots = [sorted(members, key=lambda group: place(nonce, group)) for members in kinds.values()]
    # Two kinds that the exchange of the arms turns into one another have the same size: the nonce decides.
    lots.sort(key=lambda members: (-sum(held[members[0]]), place(nonce, members[0])))
    return [group for members in lots for group in members]
