"""The site's application, made to die or to hang at a chosen moment of a save; for a server in a process of its own.

A request names the moment in the header X-Fault: `before` (before the database commits), `after` (committed,
not answered), `hang` (for longer than the server lets a request take).
"""

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from readerstudy.wsgi import application as site  # isort: skip - it sets Django up for what follows

from django.db import transaction

from readerstudy.study.reading import answering as reading

_record = reading.record
_fault = ""


def _dies_before_the_commit(*named: Any, **values: Any) -> Any:
    if _fault == "before":
        assert transaction.get_connection().in_atomic_block
        os._exit(9)
    return _record(*named, **values)


reading.record = _dies_before_the_commit


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer as the site does, unless the request asks for a fault."""
    global _fault  # noqa: PLW0603 - one request at a time: the drill's server has one process and one thread
    _fault = environ.get("HTTP_X_FAULT", "")
    answer = site(environ, start_response)
    if _fault == "after":
        os._exit(9)
    if _fault == "hang":
        time.sleep(60)
    return answer
