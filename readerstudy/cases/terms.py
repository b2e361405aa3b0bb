"""The terms on which a case set may be looked at: recorded, confirmed by each person, asked again when they change."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from uuid import UUID

from django.db import transaction

from readerstudy.accounts.models import User
from readerstudy.audit.services import record
from readerstudy.cases.models import Terms, TermsConfirmation
from readerstudy.refusals import RefusedError

LONGEST = {"text": 20_000, "credential": 500, "ethics": 500}
"""Characters of each part, as in a handover."""


class TermsError(RefusedError):
    """Terms cannot be recorded or confirmed as asked: what was expected, what was found, what to do."""


@dataclass(frozen=True)
class Wording:
    """The three parts of terms: markdown, the credential a person must hold, the ethics reference."""

    text: str
    credential: str = ""
    ethics: str = ""

    @property
    def sha256(self) -> str:
        """The digest that is confirmed; it covers all parts."""
        plain = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(plain.encode()).hexdigest()

    def check(self) -> None:
        """Refuse a blank text and a part that is too long.

        Raises
        ------
        TermsError: says which part.
        """
        if not self.text.strip():
            raise TermsError("expected the terms of use as text; if nothing is required, say so there")
        for name, most in LONGEST.items():
            if len(getattr(self, name)) > most:
                raise TermsError(
                    f"{name}: expected at most {most} characters, got {len(getattr(self, name))}"
                )


@transaction.atomic
def set_terms(*, set_key: UUID, chain: UUID, wording: Wording, actor: User | None, reason: str = "") -> Terms:
    """Record the terms of a case set; the same wording again changes nothing.

    Parameters
    ----------
    set_key: key under which the cases are stored.
    chain: key of the study whose audit trail says so.

    Raises
    ------
    TermsError: no text, or too long a part.
    """
    wording.check()
    old = latest_terms([set_key]).get(set_key)
    if old is not None and old.sha256 == wording.sha256:
        return old
    terms = Terms.objects.create(study=set_key, sha256=wording.sha256, **asdict(wording))
    record(
        "terms.set", actor, chain, str(set_key),
        {"old": old.sha256 if old else "", "new": terms.sha256, **asdict(wording)}, reason=reason,
    )  # fmt: skip
    return terms


@transaction.atomic
def confirm_terms(*, set_key: UUID, chain: UUID, person: User, sha256: str) -> None:
    """Note that a person has confirmed the terms of a case set, by their digest; a second time changes nothing.

    Whether they hold now is for the caller to know: other terms are asked about again.
    """
    _, made = TermsConfirmation.objects.get_or_create(study=set_key, person=person, sha256=sha256)
    if made:
        record("terms.confirmed", person, chain, str(set_key), {"sha256": sha256})


def latest_terms(set_keys: Iterable[UUID]) -> dict[UUID, Terms]:
    """Return the terms that hold, of each of these case sets that has any."""
    return {terms.study: terms for terms in Terms.objects.filter(study__in=list(set_keys)).order_by("pk")}


def waiting_terms(person: User, set_keys: Iterable[UUID]) -> list[Terms]:
    """Return the terms of these case sets that a person has still to confirm, in the order of the sets."""
    keys = list(set_keys)
    terms = latest_terms(keys)
    if not terms:
        return []
    confirmed = set(
        TermsConfirmation.objects.filter(person=person, study__in=terms).values_list("study", "sha256")
    )
    return [terms[key] for key in keys if key in terms and (key, terms[key].sha256) not in confirmed]
