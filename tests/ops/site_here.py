"""A site in a folder of its own, in this process: its settings, its secrets and its database, until the block ends."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from readerstudy.environment import read_site_file
from readerstudy.ops.backup.folder import PARTS
from tests.servers.site import Site

COMMANDS = """
import json, sys, django
django.setup()
from django.core.management import call_command
for command in json.loads(sys.argv[1]):
    call_command(*command)
"""


@contextmanager
def site_here(home: Path, **given: Any) -> Iterator[None]:
    """Be the site in a folder whose `site.env` holds the secrets; no transaction may be open."""
    places = {part.setting: home / part.name for part in PARTS if part.setting}
    own = {"HOME": home, "DATA_ROOTS": [home / "data"], **places, **read_site_file(home), **given}
    database = settings.DATABASES["default"]
    before = database["NAME"]
    connection.close()
    database["NAME"] = connection.settings_dict["NAME"] = home / "db.sqlite3"
    try:
        with override_settings(**own):
            mine = settings._wrapped
            yield
            if settings._wrapped is not mine:
                raise AssertionError(
                    "set other settings before the block, or hand them over: inside they outlive it"
                )
    finally:
        connection.close()
        database["NAME"] = connection.settings_dict["NAME"] = before


def said(*commands: list[str]) -> str:
    """Run commands in this process, each of which must end well; return what they print."""
    out = StringIO()
    for name, *arguments in commands:
        call_command(name, *arguments, stdout=out, stderr=out)
    return out.getvalue()


def do(site: Site, commands: list[list[str]]) -> str:
    """Run commands one after the other in one new process, each of which must end well; return what they print."""
    return site.run("-c", COMMANDS, json.dumps(commands)).stdout
