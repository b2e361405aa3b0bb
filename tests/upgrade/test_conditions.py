"""The ledger of before knows no conditions: they are read from the keys of its units, and nothing else changes."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE, AFTER = [("analysis", "0003_reading")], [("analysis", "0004_conditions")]
KEYS = {
    "seed-0_sparsity-0.00": "dense", "seed-12_sparsity-0.90": "0.90", "seed-3": "", "prepare": "",
    "seed-1_sparsity-all": "",
}  # fmt: skip


@pytest.fixture
def executor() -> Iterator[MigrationExecutor]:
    MigrationExecutor(connection).migrate(BEFORE)
    yield MigrationExecutor(connection)
    MigrationExecutor(connection).migrate(AFTER)


def test_units_get_their_condition_and_keep_the_rest(executor: MigrationExecutor) -> None:
    old = executor.loader.project_state(BEFORE).apps
    run = old.get_model("analysis", "Run").objects.create(run_id="r1", name="n", folder="/f", spec={})
    unit = old.get_model("analysis", "Unit")
    for place, key in enumerate(KEYS):
        unit.objects.create(run=run, place=place, key=key, member=place, token=place, artefacts={key: "ab"})
    before = list(unit.objects.order_by("place").values())
    executor.migrate(AFTER)
    new = executor.loader.project_state(AFTER).apps
    after = list(new.get_model("analysis", "Unit").objects.order_by("place").values())
    assert [row.pop("condition") for row in after] == list(KEYS.values())
    assert after == before
    assert new.get_model("analysis", "Run").objects.get().run_id == "r1"
