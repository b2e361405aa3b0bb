"""Studies that browser tests serve."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.core.management import call_command
from pytest_django.live_server_helper import LiveServer

from analysis.caseset import Origin, write_case_set
from readerstudy.accounts.models import User
from readerstudy.ops.loading import load_into_study
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Study
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.protocol import Protocol
from tests import stock
from tests.browser.conftest import LiveStudy, _empty_the_audit_trail


def made_study(
    folder: Path,
    slug: str,
    *,
    pairs: int,
    protocol: Protocol | None = None,
    roles: Sequence[str] = (),
    **size: int,
) -> Study:
    """Make a study of small smooth pictures (rows, columns: their size) that is being read, with one reader.

    roles: of the images of each case, where it is to have several.
    """
    sources = folder / "sources"
    sources.mkdir(parents=True)
    rows = stock.selection(pairs, roles=roles)
    images = {name: sources / name for name in rows["image"]}
    for number, path in enumerate(images.values()):
        stock.write_dicom(path, stock.picture(number, **size), patient="nobody")
    origin = Origin(run_id=stock.RUN_ID, predictions_sha256="ab" * 32, synthetic=True)
    cases = write_case_set(
        rows,
        images=images,
        out=folder / "cases",
        key_out=folder / "key.csv",
        origin=origin,
        nonce=stock.NONCE,
    )
    alice = User.objects.filter(email="alice@example.org").first() or stock.person("Alice")
    study = lifecycle.create_study(slug=slug, title=slug, protocol=protocol or Protocol(), actor=alice)
    with stock.decoded_here():
        load_into_study(study=study, folder=cases.folder, actor=alice)
    enrol_reader(study=study, person=stock.person(f"First-{slug}"), actor=alice)
    stock.look_for_names(study, alice)
    lifecycle.lock(study=study, actor=alice)
    return lifecycle.start(study=study, actor=alice)


@contextmanager
def served(study: Study) -> Iterator[LiveStudy]:
    """Serve on loopback; the database is emptied afterwards."""
    server = LiveServer("127.0.0.1")
    yield LiveStudy(server.url, study)
    server.stop()
    _empty_the_audit_trail()
    call_command("flush", verbosity=0, interactive=False)
