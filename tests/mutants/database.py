"""Not collected by itself: the first run makes the test database for all that follow."""

import pytest
from django.db import connection


@pytest.mark.django_db
def test_the_database_is_made() -> None:
    assert connection.introspection.table_names()
