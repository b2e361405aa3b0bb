"""Not collected by itself: whoever runs this first has the test database made, for all who come after it."""

import pytest
from django.db import connection


@pytest.mark.django_db
def test_the_database_is_made() -> None:
    assert connection.introspection.table_names()
