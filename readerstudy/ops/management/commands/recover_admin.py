"""Give a new start to somebody who has lost their second factors."""

from typing import Any

from django.urls import reverse

from readerstudy.accounts.services import HOLDS_FOR, begin_recovery, site_address
from readerstudy.commands import SiteCommand


class Command(SiteCommand):
    help = (
        "Remove a person's second factors and password, end all their sessions, and print a link, once, by "
        "which they choose a password and set up second factors again. For anybody, admin or not."
    )

    takes = {
        "email": {"help": "address of the person"},
        "--reason": {
            "required": True,
            "help": "why, and how you checked who is asking; recorded in the audit trail",
        },
        "--address": {"help": "the site's address in the link, such as https://study.example.org"},
    }

    def handle(self, *args: Any, **options: Any) -> None:
        person, token = begin_recovery(email=options["email"], reason=options["reason"], actor=None)
        address = (options["address"] or site_address()).rstrip("/")
        minutes = int(HOLDS_FOR.total_seconds() // 60)
        self.stdout.write(f"{person.email} can sign in by this link only, once, for {minutes} minutes:")
        self.stdout.write(f"{address}{reverse('accounts:recover', args=[token])}")
        self.stdout.write("Pass it on in a way that nobody else can read. It is shown once and not stored.")
