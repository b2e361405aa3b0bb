"""What the demo makes, and where: one place for every size and seed."""

from pathlib import Path

from analysis.phantoms import PhantomSpec
from analysis.selection import Nearest, SelectionSpec

READER, ADMIN, RESEARCHER = "reader@demo.example", "admin@demo.example", "researcher@demo.example"
LIVE, FINISHED = "demo", "finished"
DATA_SET, ENSEMBLE = "phantoms", "toys"

SIZES = {LIVE: (1024, 1250), FINISHED: (512, 625)}
"""Rows and columns of the images of each study; real ones are about twice as large as those that the reader sees."""

BITS = 12

SIMULATED_READERS = 6
SIMULATION_SEED = 20230818

PHANTOMS = PhantomSpec(seed=20230818, train=3000, val=200, test=400, rows=128, columns=128)

SELECTION = SelectionSpec(
    condition=0.90,
    fraction=0.05,
    seed=20230818,
    exact=("n_findings",),
    nearest=(Nearest("view"), Nearest("age")),
)

SEEDS = (0, 1, 2)
"""Of the toy networks."""


STAGES: tuple[tuple[str, int], ...] = (
    ("drawing radiographs", 50),
    ("training toy models", 170),
    ("pruning and evaluating", 55),
    ("analysing the sweep", 10),
    ("developing reading images", 15),
    ("loading the study", 5),
    ("simulating readers", 5),
)
"""Stages of the demo in their order, and about how many seconds each takes the first time on 2 cores without a GPU.

The whole is what README.md tells: a run of 2026-12-01, beside which other work ran.
"""


class DemoFolder:
    """The places of the demo's files under its site folder.

    phantoms: the data set in the layout of NIH-CXR-LT. sealed: what no reader and no admin may see while somebody
    reads, planted truth and keys. spec: of the sweep. ensemble: the trained toy models.
    """

    def __init__(self, home: Path) -> None:
        """Name the places under a site's folder; nothing is made."""
        self.home = home
        self.phantoms, self.ensemble, self.spec = home / "phantoms", home / "ensemble", home / "sweep.toml"
        self.sealed = home / "sealed"
        self.truth = self.sealed / "truth.csv"

    def films(self, slug: str) -> Path:
        """The images of one study at reading size, as DICOM."""
        return self.home / "films" / slug

    def cases(self, slug: str) -> Path:
        """The blind half of a study's case set."""
        return self.home / "cases" / slug

    def key(self, slug: str) -> Path:
        """The sealed half of a study's case set."""
        return self.sealed / f"{slug}-key.csv"
