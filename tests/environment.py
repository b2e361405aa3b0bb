"""Loaded before Django (see pyproject.toml): a throw-away site for each test process."""

import atexit
import os
import shutil
import tempfile
import uuid

_home = tempfile.mkdtemp(prefix="readerstudy-test-")
os.mkdir(os.path.join(_home, "static"))  # whitenoise warns of a missing one, and warnings are errors
with open(
    os.path.join(_home, "audit-anchor.jsonl"), "w", encoding="utf-8"
) as _anchor:  # as `setup` begins it
    _anchor.write(
        f'{{"chain": "site", "sequence": 0, "digest": "", "format": 2, "anchor": "{uuid.uuid4()}"}}\n'
    )
atexit.register(shutil.rmtree, _home, ignore_errors=True)

os.environ.update(
    {
        "READERSTUDY_HOME": _home,
        "SECRET_KEY": "only for tests",
        "AUDIT_KEY": "00" * 32,
        "DEBUG": "no",
        # The tests themselves would take the cores from the workers that they wait for.
        "READERS_FIRST": os.environ.get("READERS_FIRST", "no"),
        # `python -m tests.servers` names servers; a test's own sites and subprocesses do not see them.
        "DATABASE_URL": os.environ.get("TEST_DATABASE_URL", ""),
        "CACHE_URL": os.environ.get("TEST_CACHE_URL", ""),
        "BROKER_URL": "atomicfs://localhost//",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "MPLBACKEND": "Agg",
        # Playwright's synchronous API keeps an event loop in the thread in which Django's tests run.
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
    }
)
