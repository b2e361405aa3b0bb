"""The reading side's tables lead to nothing sealed, and no field of theirs is named after it."""

import pytest
from django.apps import apps
from django.db import connection, models

from readerstudy.accounts.models import User
from readerstudy.cases.models import Case
from readerstudy.study.models import Study
from tests.blinding.test_words import told

BLIND = [
    model
    for label in ("cases", "study", "accounts", "audit")
    for model in apps.get_app_config(label).get_models()
]
SEALED = set(apps.get_app_config("results").get_models()) | set(apps.get_app_config("analysis").get_models())


def name_of(model: type[models.Model]) -> str:
    return model._meta.label


@pytest.mark.parametrize("model", BLIND, ids=name_of)
def test_no_accessor_leads_to_a_sealed_table(model: type[models.Model]) -> None:
    assert not [relation for relation in model._meta.related_objects if relation.related_model in SEALED]
    for relation in model._meta.get_fields(include_hidden=True):
        if relation.auto_created and relation.is_relation and relation.related_model in SEALED:
            assert relation.hidden
            assert not hasattr(model, relation.get_accessor_name())
    named = {value.related.related_model for value in vars(model).values() if hasattr(value, "related")}
    assert not named & SEALED


@pytest.mark.parametrize("model", BLIND, ids=name_of)
def test_no_field_leads_to_a_sealed_table_or_tells(model: type[models.Model]) -> None:
    for field in model._meta.get_fields():
        assert told(field.name) == set()
        assert not (field.is_relation and not field.auto_created and field.related_model in SEALED)
    assert told(model._meta.db_table) == set()


def test_the_check_sees_an_accessor() -> None:
    assert [relation.related_model for relation in Study._meta.related_objects]
    assert any(relation.related_model in SEALED for relation in Case._meta.get_fields(include_hidden=True))
    assert told("is_pie")
    assert User in BLIND


@pytest.mark.django_db
def test_no_blind_table_has_a_column_that_tells() -> None:
    with connection.cursor() as cursor:
        for model in BLIND:
            columns = connection.introspection.get_table_description(cursor, model._meta.db_table)
            assert told(" ".join(column.name for column in columns)) == set()
