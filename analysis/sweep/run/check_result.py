"""What a check of a precision found: written beside a run, read by its page. Imports no torch."""

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from analysis.durable import json_bytes, write_whole

FORMAT = 1


@dataclass(frozen=True)
class PrecisionCheck:
    """What differs between a run's engine and plain torch in fp32.

    `images`, `members`, `level`: the sample; dense and `level` are compared. `score_difference`: the largest of
    any score. `rank_agreement`: Spearman's rho between the two orders of the images by their agreement of dense
    and compressed scores, the order that makes exemplars; nan where an order is constant. `exemplars`, `kept`:
    images of lowest agreement in fp32, and how many of them are so in the run's precision too.
    `ap_change`, `ap_mean_change`: the largest and the mean change of AP over members, levels and classes with
    positives in the sample.
    """

    engine: str
    precision: str
    images: int
    members: int
    level: float
    score_difference: float
    rank_agreement: float
    exemplars: int
    kept: int
    ap_change: float
    ap_mean_change: float

    @property
    def ordered(self) -> bool:
        """Whether both orders of the images can be compared."""
        return not math.isnan(self.rank_agreement)

    @property
    def score_text(self) -> str:
        """The largest difference of a score, two digits."""
        return f"{self.score_difference:.2g}"

    @property
    def ap_text(self) -> str:
        """The largest change of AP, two digits."""
        return f"{self.ap_change:.2g}"

    @property
    def ap_mean_text(self) -> str:
        """The mean change of AP with its sign, two digits."""
        return f"{self.ap_mean_change:+.2g}"

    def sentences(self) -> list[str]:
        """Say it in words."""
        return [
            f"{self.engine} {self.precision} against torch fp32, {self.images} images, {self.members} members, "
            f"dense and {self.level:.2f}:",
            f"largest difference of a score {self.score_text}",
            f"order of the images by agreement: Spearman's rho {self.rank_agreement:.6f}; "
            f"{self.kept} of {self.exemplars} exemplars are the same",
            f"AP changes by at most {self.ap_text}, on average {self.ap_mean_text}",
        ]


def write_check(path: Path, run_id: str, check: PrecisionCheck) -> None:
    """Write check.json; a figure that is nan becomes null."""
    content = {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(check).items()}
    write_whole(path, json_bytes({"format": FORMAT, "run_id": run_id, **content}))


def read_check(path: Path, run_id: str) -> PrecisionCheck | None:
    """Read check.json; None where there is none, or where it is of another run or not whole."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["format"] != FORMAT or said["run_id"] != run_id:
            return None
        found = {one.name: said[one.name] for one in fields(PrecisionCheck)}
        kinds = {one.name: one.type for one in fields(PrecisionCheck)}
        return PrecisionCheck(**{name: _as(kinds[name], value) for name, value in found.items()})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _as(kind: Any, value: Any) -> Any:
    if kind is float:
        return math.nan if value is None else float(value)
    if not isinstance(value, kind):
        raise TypeError(value)
    return value
