"""The bad input drill: thousands of generated files and bodies against every input, no crash, no half-loaded row.

    python -m tests.drills.badinput --cases 12000 --seed 1

Honest files and the hostile corpus are cut, doubled, mixed and filled with hostile words, seeded. Each is given
to the input it is for: predictions, checkpoints, labels, specifications, ratings, keys, protocols, VIA files,
stored frames, images (each in a confined child), whole case sets loaded into a study, and the bodies of the
reading room over HTTP. An input may refuse by its named errors, or take what is still good. Counted is what must
never be: another error, more than 30 s, a row or frame left by what was refused, the memory of the process grown
by more than 1.5 GB, code of a file that ran.
"""

import argparse
import contextlib
import logging
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECONDS, BYTES = 30, 1_500_000_000
SHARE = {"image": 0.05, "case set": 0.02, "reading room": 0.2}
"""Part of all cases for the inputs that are slow or have more formats; the others share the rest."""


class HungError(BaseException):
    """An input took longer than it may; no handler of the product takes this for an error of the file."""


@dataclass
class Input:
    """How bytes come in: `open` raises an error of `errors` for what it refuses."""

    open: Callable[[bytes], object]
    errors: tuple[type[BaseException], ...]


@dataclass
class Found:
    """What was counted for one input."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def note(self, kind: str, what: str = "") -> None:
        """Count one case; anything but refused and taken is a finding."""
        self.counts[kind] += 1
        if what:
            self.wrong.append(f"{kind}: {what}")


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def end(number: int, frame: object) -> None:
        raise HungError

    signal.signal(signal.SIGALRM, end)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


def try_input(reader: Input, data: bytes, found: Found) -> None:
    """Give bytes to an input and count how it ended."""
    try:
        with _limited():
            reader.open(data)
    except reader.errors:
        found.note("refused")
    except HungError:
        found.note("hung", f"{len(data)} bytes, {data[:60]!r}")
    except Exception as error:
        found.note("crashed", f"{type(error).__name__}: {str(error)[:150]} by {data[:80]!r}")
    else:
        found.note("taken")


def file_inputs(folder: Path) -> dict[str, Input]:
    """Return the inputs that read one file, by name and ending."""
    from analysis.exchange.via import ViaError, read_via
    from analysis.picture.refusals import ImageRefusedError
    from readerstudy.cases.confined import decode_confined
    from readerstudy.cases.frame import FrameFormatError, decode_frame
    from readerstudy.cases.window import WindowRule
    from readerstudy.study.design.protocol_file import from_toml
    from readerstudy.study.protocol import ProtocolError
    from tests.hostile import tables

    def at(name: str, act: Callable[[Path], object]) -> Callable[[bytes], object]:
        def given(data: bytes) -> object:
            (folder / name).write_bytes(data)
            return act(folder / name)

        return given

    def image(path: Path) -> object:
        with path.open("rb") as file:
            return decode_confined(file, window_rule=WindowRule.DICOM)

    known = [tables.LABELS, tables.SPEC, tables.RATINGS, tables.KEY, tables.CHECKPOINT, tables.TENSORS]
    inputs = {
        f"{reader.name}.{reader.ending}": Input(at(f"file.{reader.ending}", reader.open), reader.errors)
        for reader in [*known, *tables.PREDICTIONS.values()]
        if reader.ending != "parquet"  # its reader is an extra that need not be here
    }
    via = at("v1.csv", lambda path: read_via([path], cases="shared", first_exemplars=2))
    return {
        **inputs,
        "VIA.csv": Input(via, (ViaError,)),
        "protocol.toml": Input(from_toml, (ProtocolError,)),
        "frame": Input(lambda data: decode_frame(data, 9, 14, 12), (FrameFormatError,)),
        "image": Input(at("image", image), (ImageRefusedError,)),
    }


def try_case_set(folder: Path, number: int, chance: random.Random, found: Found) -> None:
    """Load a case set of which one file was changed; what is refused leaves no row and no frame."""
    from analysis.caseset import CaseSetError
    from analysis.columns import FrameError
    from readerstudy.cases.loader import CaseSetRefusedError
    from readerstudy.ops.loading import load_into_study
    from readerstudy.study.design import lifecycle
    from readerstudy.study.protocol import Protocol
    from tests.cases.images import blind_half, greys, png
    from tests.drills.mutants import mutate

    place = blind_half(folder / f"set{number}", [png(greys(bits=8))] * 2)
    victim = chance.choice([path for path in sorted(place.rglob("*")) if path.is_file()])
    data = mutate(victim.read_bytes(), [victim.read_bytes()], chance)
    victim.write_bytes(data)
    if chance.random() < 0.5 and victim.suffix != ".json":
        _seal_again(place)
    study = lifecycle.create_study(slug=f"s{number}", title="s", protocol=Protocol(), actor=None)
    before = _stored()
    reader = Input(
        lambda _: load_into_study(study=study, folder=place, actor=None),
        (CaseSetError, FrameError, CaseSetRefusedError),
    )
    taken = found.counts["taken"]
    try_input(reader, data, found)
    study.refresh_from_db()
    if found.counts["taken"] == taken and (_stored() != before or study.cases_sha256):
        found.note("half loaded", f"set {number}")


def _seal_again(place: Path) -> None:
    """Let digests fit the changed files, so that the change comes past them to the decoder or the table."""
    import csv
    import hashlib
    import json

    table = place / "cases.csv"
    with contextlib.suppress(ValueError, KeyError, TypeError, OSError, csv.Error):
        rows = list(csv.DictReader(table.read_text().splitlines()))
        text = table.read_text()
        for row in rows:
            text = text.replace(
                row["sha256"], hashlib.sha256((place / row["image"]).read_bytes()).hexdigest()
            )
        table.write_text(text)
    provenance = json.loads((place / "provenance.json").read_text())
    provenance["cases_sha256"] = hashlib.sha256(table.read_bytes()).hexdigest()
    (place / "provenance.json").write_text(json.dumps(provenance))


def _stored() -> tuple[int, int, int, int]:
    from django.conf import settings

    from readerstudy.cases.models import Case, CaseSet, Frame

    frames = sum(path.is_file() for path in Path(settings.FRAMES_ROOT).rglob("*"))
    return Case.objects.count(), CaseSet.objects.count(), Frame.objects.count(), frames


class Room:
    """The reading room over HTTP, in the middle of a reading."""

    def __init__(self) -> None:
        from tests.drills.rooms import Desk
        from tests.drills.visitor import Browser

        self.desk = Desk.of("last", f"reader{time.monotonic_ns()}")
        self.browser = Browser(self.desk.reader.person, "last")
        self.browser.sign_in()
        for step, body in (("consent", {"accepted": True}), ("begin", {})):
            self.browser.post(self.browser.windows[0], f"/read/last/{step}/", body)
        self.case = self.browser.get("/read/last/state/").json()["case"]

    def try_body(self, chance: random.Random, found: Found) -> None:
        """Post one body; rows are there if and only if it was taken."""
        import uuid

        from readerstudy.study.models import Rating
        from tests.blinding.crowd import VISIT, payload
        from tests.drills.mutants import body_bytes, mutate, mutate_json

        where = chance.choice(["answers", "answers", "answers", "display", "keys", "consent"])
        whole: Any = (
            payload(idempotency_key=str(uuid.UUID(int=chance.getrandbits(128))))
            if where == "answers"
            else VISIT[where]
        )
        data = body_bytes(mutate_json(whole, chance))
        if chance.random() < 0.3:
            data = mutate(data, [data], chance)
        address = self.case["answer_url"] if where == "answers" else f"/read/last/{where}/"
        before = Rating.objects.filter(assignment__reader=self.desk.reader).count()
        status = 0

        def post(_: bytes) -> None:
            nonlocal status
            token = self.browser.windows[0].token
            status = self.browser.client.post(
                address, data, content_type="application/json", headers={"X-CSRFToken": token}
            ).status_code
            if status >= 500:
                raise RuntimeError(f"the server answered {status}")
            if status != 200:
                raise PermissionError

        try_input(Input(post, (PermissionError,)), data, found)
        rows = Rating.objects.filter(assignment__reader=self.desk.reader).count() - before
        if rows != int(where == "answers" and status == 200):
            found.note("half loaded", f"{rows} rows after {status} by {data[:200]!r}")
        if where == "answers" and status == 200:
            self.__init__()  # type: ignore[misc]


def run_drill(cases: int, seed: int, folder: Path) -> dict[str, Found]:
    """Generate, try, count; by input."""
    from tests.drills.mutants import honest, hostile, mutate
    from tests.drills.rooms import open_rooms
    from tests.stock import make_case_set

    chance, trap = random.Random(seed), folder / "made by code in a file"
    key = make_case_set(folder / "made", pairs=3).key.read_bytes()
    inputs, good, bad = file_inputs(folder), honest(key), hostile(trap)
    found = {name: Found() for name in [*inputs, "case set", "reading room"]}
    held = _peak()
    slow = {name: round(cases * share) for name, share in SHARE.items()}
    rest = -(-(cases - sum(slow.values())) // (len(inputs) - 1))
    for name, reader in inputs.items():
        for data in good[name]:
            reader.open(data)  # an honest file must come in: what starts from it gets past the first check
        pool = [*good[name], *bad.get(name, [])]
        for _ in range(slow.get(name, rest)):
            start = chance.choice(good[name] if chance.random() < 0.6 else pool)
            try_input(reader, mutate(start, pool, chance), found[name])
        if trap.exists():
            found[name].note("code ran", name)
            trap.rmdir()
    for number in range(slow["case set"]):
        try_case_set(folder, number, chance, found["case set"])
    open_rooms(folder)
    room = Room()
    for _ in range(slow["reading room"]):
        room.try_body(chance, found["reading room"])
    if _peak() - held > BYTES:
        found["image"].note("memory", f"grown by {(_peak() - held) / 1e9:.1f} GB")
    return found


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def table(found: dict[str, Found], title: str) -> str:
    """Return what the drill prints."""
    kinds = ("refused", "taken", "crashed", "hung", "half loaded", "code ran", "memory")
    rows = [("input", "cases", *kinds)]
    for name, each in found.items():
        tried = each.counts["refused"] + each.counts["taken"] + each.counts["crashed"] + each.counts["hung"]
        rows.append((name, str(tried), *(str(each.counts[kind]) for kind in kinds)))
    total = [sum(int(row[column]) for row in rows[1:]) for column in range(1, len(rows[0]))]
    rows.append(("all", *map(str, total)))
    lines = ["  " + f"{row[0]:24}" + "".join(f"{cell:>12}" for cell in row[1:]) for row in rows]
    wrong = [f"  {name}: {what}" for name, each in found.items() for what in each.wrong[:5]]
    return "\n".join([title, *lines, *wrong])


def main() -> int:
    """Run the drill and print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, number in (("cases", 12_000), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=number)
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="badinput-drill-") as folder:
        from tests.drills.site import open_site

        os.environ.setdefault("LOG_LEVEL", "CRITICAL")
        open_site(Path(folder))
        logging.disable()

        from django.conf import settings
        from django.db import connections

        settings.ALLOWED_HOSTS = ["testserver"]
        found = run_drill(asked.cases, asked.seed, Path(folder))
        connections.close_all()
    print(table(found, f"Bad input drill, seed {asked.seed}, {time.monotonic() - began:.0f} s"))
    return 1 if any(each.wrong for each in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
