"""The faults at every door are brought about among the people of the allow-matrix."""

from typing import Any

import pytest
from django.contrib.auth.hashers import make_password

from readerstudy.accounts.models import User
from tests.blinding.conftest import _bystanders
from tests.blinding.crowd import Crowd, gather
from tests.stock import PASSWORD, Stock

__all__ = ["_bystanders"]


@pytest.fixture
def crowd(_bystanders: None, stock: Stock, settings: Any) -> Crowd:
    """Give each test everybody, signed in; a hash costs nothing, for hashing is looked at elsewhere."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    User.objects.update(password=make_password(PASSWORD))
    return gather(stock)
