"""What a test counts in the shared cache is its own: a server's cache is not undone with the test's transaction."""

import uuid

import pytest
from django.core.cache import caches


@pytest.fixture(autouse=True)
def _own_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches["default"], "key_prefix", uuid.uuid4().hex)
