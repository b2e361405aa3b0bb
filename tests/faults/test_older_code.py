"""Fault 34: older code on a database that newer code has migrated is refused before it writes anything."""

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

pytestmark = pytest.mark.django_db


def test_a_database_of_this_version_is_served() -> None:
    assert [found.id for found in run_checks(databases=["default"]) if found.id == "readerstudy.E022"] == []


def test_a_database_of_a_newer_version_is_refused() -> None:
    MigrationRecorder(connection).record_applied("study", "0999_of_a_later_version")
    found = [each for each in run_checks(databases=["default"]) if each.id == "readerstudy.E022"]
    assert "study.0999_of_a_later_version" in found[0].msg
    assert "backup" in str(found[0].hint)
    with pytest.raises(CommandError, match="newer version"):
        call_command("serve", "--port", "0", "--no-worker")


def test_another_packages_leftover_is_no_fault() -> None:
    MigrationRecorder(connection).record_applied("an_app_long_gone", "0001_initial")
    assert [found.id for found in run_checks(databases=["default"]) if found.id == "readerstudy.E022"] == []
