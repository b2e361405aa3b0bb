"""What is logged says what happened and nothing of a case, a row or a person."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from readerstudy.logs import Json, Line, logging_config
from tests.servers import warm
from tests.stock import Stock

SECRET = "Mrs. Canary 1947"


def made(level: int = logging.ERROR, **extra: Any) -> logging.LogRecord:
    try:
        raise ValueError(f"cannot store {SECRET}")
    except ValueError as error:
        record = logging.LogRecord(
            "readerstudy.x",
            level,
            __file__,
            1,
            "saving failed",
            (),
            (type(error), error, error.__traceback__),
        )
    record.__dict__.update(extra)
    return record


@pytest.mark.parametrize("formatter", [Line(), Json()])
def test_an_error_is_told_by_type_and_place_only(formatter: logging.Formatter) -> None:
    text = formatter.format(made())
    assert "ValueError" in text
    assert "test_logs.py" in text
    assert SECRET not in text


def test_json_is_one_line_with_these_fields() -> None:
    fields = json.loads(Json().format(made()))
    assert set(fields) == {"at", "level", "logger", "message", "error", "where"}


@pytest.mark.parametrize(("status", "told"), [(403, False), (500, True)])
def test_the_place_is_told_of_a_failure_and_not_of_a_refusal(status: int, told: bool) -> None:
    record = made(status_code=status)
    record.name = "django.request"
    assert ("where" in Json().fields(record)) is told
    assert len(Line().format(record).splitlines()) == (2 if told else 1)
    assert "ValueError" in Line().format(record)


@pytest.mark.django_db
def test_a_refused_request_is_logged_without_its_address(
    stock: Stock, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client()
    client.force_login(stock.bob, backend="django.contrib.auth.backends.ModelBackend")
    with caplog.at_level("WARNING"):
        client.get("/studies/chest/", {"q": SECRET})
    record = next(record for record in caplog.records if record.name == "django.request")
    text = Line().format(record)
    assert "GET study:detail 404" in text
    assert SECRET not in text
    assert "chest" not in text


def test_django_prints_nothing_beside_the_one_handler() -> None:
    config = logging_config(form="json", level="INFO")
    assert config["loggers"]["django.server"]["handlers"] == []


def test_another_form_is_refused(tmp_path: Path) -> None:
    given = {**os.environ, "READERSTUDY_HOME": str(tmp_path), "LOG_FORMAT": "xml"}
    told = warm.run(("manage.py", "check"), given)
    assert told.returncode == 1
    assert "LOG_FORMAT: expected one of line, json, got 'xml'" in told.stderr
