"""The hosts drill in its short form: real PostgreSQL, broker and S3 store, hosts without a folder in common."""

import os
import re
import subprocess
import sys

import pytest

from tests.drills.hosts import ROOT, Outcome


@pytest.mark.drill
@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
def test_a_sweep_over_hosts_equals_the_embedded_one(broker: str) -> None:
    left_out = {"READERSTUDY_HOME", "SECRET_KEY", "AUDIT_KEY", "DATABASE_URL", "BROKER_URL", "CACHE_URL"}
    command = [
        sys.executable, "-W", "ignore", "-m", "tests.drills.hosts", "--broker", broker, "--units", "40", "--hosts", "3",
        "--kills", "2", "--pauses", "1", "--restarts", "1",
    ]  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-4000:]
    assert "lost 0, doubled 0, silent 0" in done.stdout
    for fault in ("'kill': 2", "'pause': 1", "'database': 1", "'broker': 1", "'slow host': 1"):
        assert fault in done.stdout, done.stdout
    caches = re.search(r"image caches built: (.*)", done.stdout)
    assert caches is not None
    built = [int(count) for count in re.findall(r"host\d (\d+)", caches[1])]
    assert set(built) <= {0, 1}  # no host decoded the images twice
    assert sum(built) >= 1


@pytest.mark.parametrize("fault", ["lost", "doubled", "silent"])
def test_anything_wrong_makes_the_outcome_unclean(fault: str) -> None:
    assert Outcome(4, shares={"a": 4}).clean
    assert not Outcome(4, shares={"a": 4}, **{fault: ["seed-0"]}).clean
    assert not Outcome(4, shares={"a": 3}).clean
