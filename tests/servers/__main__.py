"""Run a command beside real servers: python -m tests.servers [--postgresql] [--redis] [--rabbitmq] -- COMMAND.

The command finds TEST_DATABASE_URL and TEST_CACHE_URL for pytest, DATABASE_URL, CACHE_URL and BROKER_URL for
the site's own commands. Example, the tests of the study app on PostgreSQL:

    python -m tests.servers --postgresql -- python -m pytest -q tests/study
"""

import argparse
import os
import subprocess
import sys
from contextlib import ExitStack

from tests.servers import brokers, postgresql


def main() -> int:
    """Start what was asked for, run the command, stop everything; return the command's exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__.splitlines()[0])
    for name in ("postgresql", "redis", "rabbitmq"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--durable", action="store_true", help="PostgreSQL syncs every commit to disk")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    command = asked.command[1:] if asked.command[:1] == ["--"] else asked.command
    if not command:
        parser.error("expected a command after --")
    environment = dict(os.environ)
    with ExitStack() as stack:
        if asked.postgresql:
            url = stack.enter_context(postgresql.postgresql(durable=asked.durable)).url
            environment |= {"TEST_DATABASE_URL": url, "DATABASE_URL": url}
        if asked.redis:
            url = stack.enter_context(brokers.redis()).url
            environment |= {"TEST_CACHE_URL": url, "CACHE_URL": url, "BROKER_URL": url}
        if asked.rabbitmq:
            environment["BROKER_URL"] = stack.enter_context(brokers.rabbitmq()).url
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
