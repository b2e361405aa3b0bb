"""Canaries: texts of the sealed half or of source files are found nowhere a blinded person could look."""

import base64
import logging
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from analysis.caseset import read_key
from readerstudy.accounts.models import OpenSession as Session
from readerstudy.audit.services import faults
from readerstudy.ops.loading import load_into_study
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Study
from readerstudy.study.protocol import Protocol
from tests.blinding.access import ROLES, rules
from tests.blinding.crowd import Crowd, read_all, to_phase
from tests.guards import drop_guards
from tests.served import unmasked
from tests.stock import HIGH, NONCE, SECRETS, Stock, make_case_set

pytestmark = pytest.mark.django_db

BLINDED = [role for role in ROLES if role not in {"rita", "olga"}]
NEVER = [secret for secret in SECRETS if not secret.startswith(("0.", "1"))]
"""Secrets that do not enter the web database, not even with the opened key."""


def seeds(stock: Stock) -> list[str]:
    """Return the secret seeds of the orders, as they could be written."""
    raw = [bytes(reader.order_seed) for reader in stock.readers]
    return [text for seed in raw for text in (seed.hex(), base64.b64encode(seed).decode().rstrip("="))]


def found(text: str, secrets: Iterable[str]) -> list[str]:
    return [secret for secret in secrets if secret in text]


def database() -> dict[str, str]:
    """Return every row of every table as text, by table."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        dump = {}
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            dump[table] = "\n".join(cell(value) for row in cursor.fetchall() for value in row)
    sessions = [str(session.get_decoded()) for session in Session.objects.all()]
    return {**dump, "sessions, decoded": "\n".join(sessions)}


def cell(value: object) -> str:
    if isinstance(value, bytes | memoryview):
        raw = bytes(value)
        return f"{raw.hex()} {raw.decode('latin-1')}"
    return str(value)


def test_the_canaries_stand_in_the_sealed_half(stock: Stock) -> None:
    sealed = stock.case_set.key.read_text() + stock.case_set.report.read_text()
    source = (stock.case_set.folder.parent / "sources" / "SOURCE0000.dcm").read_bytes().decode("latin-1")
    assert set(found(sealed + source, SECRETS)) == set(SECRETS)
    assert read_key(stock.case_set.key).nonce == NONCE


def test_the_blind_half_holds_none(stock: Stock) -> None:
    for path in stock.case_set.folder.rglob("*"):
        assert not found(path.name, SECRETS)
        if path.is_file():
            assert not found(path.read_bytes().decode("latin-1"), SECRETS), path.name


@pytest.mark.parametrize("phase", ["reading", "closed"])
def test_nothing_that_can_be_fetched_holds_one(crowd: Crowd, phase: str) -> None:
    to_phase(crowd.stock, phase)
    secrets = [*SECRETS, *seeds(crowd.stock)]
    fetched = 0
    for role in BLINDED:
        for rule in rules():
            answer = crowd.try_out(role, rule.method, rule.address)
            text = answer.text
            if answer.headers.get("Content-Type") == "application/octet-stream":
                text += zlib.decompress(unmasked(answer.body), 16 + zlib.MAX_WBITS).decode("latin-1")
            assert not found(text, secrets), (role, rule)
            fetched += len(answer.body)
    assert fetched > 100_000


def test_no_row_holds_one_before_the_key_is_open(crowd: Crowd) -> None:
    for reader in crowd.stock.readers:
        read_all(reader)
    for phase in ("reading", "closed"):
        to_phase(crowd.stock, phase)
        rows = database()
        assert len(rows) > 15
        assert {table: found(text, SECRETS) for table, text in rows.items() if found(text, SECRETS)} == {}


def test_no_row_ever_holds_a_source(crowd: Crowd) -> None:
    to_phase(crowd.stock, "unblinded")
    rows = database()
    assert {table: found(text, NEVER) for table, text in rows.items() if found(text, NEVER)} == {}
    assert str(HIGH) in rows["results_openedcase"]  # the scan sees what is there
    assert list(faults()) == []


def test_no_row_but_the_readers_own_holds_a_seed(crowd: Crowd) -> None:
    rows = database()
    told = {table for table, text in rows.items() if found(text, seeds(crowd.stock))}
    assert told == {"study_reader"}


@pytest.mark.parametrize("secret", SECRETS)
def test_the_scan_of_rows_fires(stock: Stock, secret: str) -> None:
    drop_guards()
    Study.objects.filter(pk=stock.study.pk).update(title=f"planted {secret}")
    assert found(database()["study_study"], SECRETS) == [secret]


def test_no_file_of_the_site_holds_one(stock: Stock) -> None:
    files = [path for path in Path(settings.HOME).rglob("*") if path.is_file()]
    frames = 0
    for path in files:
        text = path.read_bytes().decode("latin-1")
        if text.startswith("\x1f\x8b"):
            text += zlib.decompress(path.read_bytes(), 16 + zlib.MAX_WBITS).decode("latin-1")
            frames += 1
        assert not found(f"{path}\n{text}", SECRETS), path
    assert frames >= 10


def test_nothing_is_logged_or_printed(
    crowd: Crowd, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        case_set = make_case_set(tmp_path, pairs=1, nonce=NONCE)
        study = lifecycle.create_study(slug="third", title="Third", protocol=Protocol(), actor=None)
        load_into_study(study=study, folder=case_set.folder, actor=None)
        read_all(crowd.stock.readers[0])
        to_phase(crowd.stock, "unblinded")
        for role in ("anonymous", "bob", "alice"):
            for rule in rules():
                crowd.try_out(role, rule.method, rule.address)
    printed = "".join(capfd.readouterr())
    assert len(caplog.records) > 50
    logged = "\n".join(
        f"{record.getMessage()} {record.exc_text} {record.__dict__}" for record in caplog.records
    )
    assert not found(logged + caplog.text + printed, [*SECRETS, *seeds(crowd.stock)])
