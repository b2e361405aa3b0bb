"""Make a person who can sign in."""

from typing import Any

from readerstudy.accounts.services import add_person
from readerstudy.commands import SiteCommand


class Command(SiteCommand):
    help = "Create an account and print a random password, once."

    takes = {
        "email": {"help": "e-mail address with which the person signs in"},
        "--name": {"required": True, "help": "name shown to others on the site"},
        "--researcher": {"action": "store_true", "help": "may run and open sweeps (and never read)"},
        "--superuser": {"action": "store_true", "help": "may use the site's admin pages"},
    }

    def handle(self, *args: Any, **options: Any) -> None:
        user, password = add_person(
            email=options["email"], name=options["name"], actor=None,
            researcher=options["researcher"], superuser=options["superuser"],
        )  # fmt: skip
        self.stdout.write(f"{user.email}  password (shown once): {password}")
