"""Make a real site."""

from typing import Any

from django.conf import settings

from readerstudy.commands import SiteCommand
from readerstudy.ops.serve.site import first_admin, prepare_site


class Command(SiteCommand):
    help = "Create a site: secrets, database, first admin. Run it again after an upgrade; it keeps existing data."
    requires_system_checks: list[str] = []

    takes = {
        "--admin": {"default": "admin@localhost.localdomain", "help": "e-mail address of the first admin"},
        "--name": {"default": "Site admin", "help": "name of the first admin"},
    }

    def handle(self, *args: Any, **options: Any) -> None:
        said = prepare_site()
        if said:
            self.stderr.write(said)
        self.stdout.write(f"site folder   {settings.HOME}")
        made = first_admin(email=options["admin"], name=options["name"])
        if made is None:
            self.stdout.write("first admin   already exists")
            return
        user, password = made
        self.stdout.write(f"first admin   {user.email}")
        self.stdout.write(f"password      {password}   (shown once, not stored)")
        self.stdout.write("next          python manage.py serve")
