"""Every kind of event as a plain sentence: the one place where the trail's words stand.

A test looks up every kind that the code records; one without a sentence here fails it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from readerstudy.audit.models import Event

SERVER = "A command on the server"
"""Who did it where no person signed in."""
WORDLESS = "for which this version has no words"
ROLES = {
    "study_admin": "study admin", "researcher": "researcher", "statistician": "statistician", "reader": "reader",
}  # fmt: skip
STEPS = {"close": "closing reading", "withdraw": "withdrawing {}", "replace": "inviting a replacement for {}"}
FACTORS = {
    "totp": "an authenticator app", "webauthn": "a passkey", "recovery_codes": "a recovery code",
}  # fmt: skip


@dataclass(frozen=True)
class Names:
    """What numbers of a record mean: people by number, addresses of invitations by number, labels of protocol fields.

    A number that is missing is told as a number.
    """

    people: Mapping[int, str] = field(default_factory=dict)
    invitations: Mapping[int, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)

    def person(self, number: Any) -> str:
        """Return a person's name."""
        known = self.people.get(int(number)) if str(number).isdecimal() else None
        return known or f"person {number}"

    def invited(self, number: Any) -> str:
        """Return the address of an invitation."""
        known = self.invitations.get(int(number)) if str(number).isdecimal() else None
        return known or f"somebody (invitation {number})"


@dataclass(frozen=True)
class Told:
    """One event on its way to a sentence; `values` is empty while they are masked."""

    who: str
    actor: int | None
    subject: str
    values: Mapping[str, Any]
    names: Names

    def is_actor(self, number: Any) -> bool:
        """Say whether the person of this number did it."""
        return self.actor is not None and str(number) == str(self.actor)

    def __getitem__(self, word: str) -> str:
        """Return what `{word}` stands for in a sentence."""
        return WORDS[word](self)


def sentence_of(event: Event, names: Names, *, masked: bool = False) -> str:
    """Return who did what, in one sentence; when it was is next to it.

    Parameters
    ----------
    names: what numbers of the record mean.
    masked: use the kind and the actor alone, nothing of subject and values.
    """
    who = SERVER if event.actor_id is None else names.person(event.actor_id)
    told = Told(
        who, event.actor_id, "" if masked else event.subject, {} if masked else event.values, names
    )  # fmt: skip
    words = SENTENCES.get(event.kind)
    try:
        if words is not None:
            return (words(told) if callable(words) else words).format_map(told)
    except (KeyError, TypeError, ValueError, AttributeError):
        pass  # a record of another version may lack a value; the record itself stands below the sentence
    return f"{who} did something {WORDLESS} ({event.kind})."


def people_in(events: list[Event]) -> set[int]:
    """Return the numbers of all people that the sentences of these events name."""
    found: set[Any] = {event.actor_id for event in events}
    for event in events:
        found |= {event.values.get(name) for name in ("person", "asked_by")}
        if event.kind.startswith(("person.", "study.role_")):
            found.add(event.subject)
        if event.kind == "study.unblinding_declined":
            found.add(str(event.values.get("old", "")).removeprefix("asked by "))
    return {int(number) for number in found if str(number).isdecimal()}


def invitations_in(events: list[Event]) -> set[int]:
    """Return the numbers of all invitations that these events are about."""
    return {
        int(event.subject)
        for event in events
        if event.kind.startswith("invitation.") and event.subject.isdecimal()
    }


def _count(number: Any, one: str) -> str:
    return f"{number} {one if int(number) == 1 else f'{one}s'}"


def _role(name: Any) -> str:
    return ROLES.get(str(name), str(name))


def _factor(told: Told) -> str:
    kind = str(told.values.get("new") or told.values.get("factor") or told.values["old"])
    return FACTORS.get(kind, kind)


def _asker(told: Told) -> str:
    """Return the number of the person who asked for what was declined or approved."""
    number = told.values["asked_by"] if "asked_by" in told.values else told.values["old"]
    return str(number).removeprefix("asked by ")


WORDS: Mapping[str, Callable[[Told], str]] = {
    "who": lambda told: told.who,
    "subject": lambda told: told.subject,
    "person": lambda told: told.names.person(told.subject),
    "invited": lambda told: told.names.invited(told.subject),
    "reader": lambda told: told.names.person(told.values["person"]),
    "asker": lambda told: told.names.person(_asker(told)),
    "role": lambda told: _role(told.values["role"]),
    "old role": lambda told: _role(told.values["old"]),
    "title": lambda told: str(told.values["title"]),
    "factor": _factor,
    # A step as something that can be asked for, approved or declined.
    "step": lambda told: STEPS[told.values["step"]].format(told.subject),
    "place": lambda told: f", in the place of {place}" if (place := told.values.get("replaces")) else "",
    "changed": lambda told: ", ".join(
        told.names.fields.get(name, name.replace("_", " ")) for name in told.values["changed"]
    ),
    "readers": lambda told: _count(told.values["readers"], "reader"),
    "cases": lambda told: _count(told.values["cases"], "case"),
    "warnings": lambda told: _count(len(told.values["warnings"]), "warning"),
}
"""What the words in braces of a sentence stand for."""


def _own(number: Callable[[Told], Any], own: str, other: str) -> Callable[[Told], str]:
    """Choose a sentence by whether somebody did it to themselves."""
    return lambda told: own if told.is_actor(number(told)) else other


def _with(value: str, words: Mapping[Any, str], sentence: str) -> Callable[[Told], str]:
    """Put behind a sentence what a value means; nothing for one that is missing or masked."""
    return lambda told: sentence + words.get(told.values.get(value), "") + "."


SENTENCES: Mapping[str, str | Callable[[Told], str]] = {
    "study.created": _with(
        "simulated_readers",
        {True: ", whose readers are simulated"},
        "{who} made the study \u201c{title}\u201d",
    ),
    "study.copied": "{who} made this study as a copy of another one.",
    "study.role_given": _own(
        lambda told: told.subject,
        "{who} became {role} of the study.",
        "{who} made {person} {role} of the study.",
    ),
    "study.role_confirmed": "{who} confirmed {person} as {role} of the study.",
    "study.role_ended": _own(
        lambda told: told.subject,
        "{who} gave up the role of {old role}.",
        "{who} ended {person}'s role as {old role}.",
    ),
    "study.cases_attached": "{who} tied the study to its cases and to their sealed key, by their digests.",
    "study.practice_attached": "{who} gave the study its practice cases.",
    "study.protocol_changed": "{who} changed the protocol: {changed}.",
    "study.locked": lambda told: (
        "{who} locked the protocol, with {warnings} about its words."
        if told.values.get("warnings")
        else "{who} locked the protocol."
    ),
    "study.started": "{who} opened the reading room for {readers}.",
    "study.closed": "{who} closed reading.",
    "study.archived": "{who} archived the study.",
    "study.unblinding_asked": "{who} asked for the key to be opened.",
    "study.unblinding_declined": _own(
        _asker,
        "{who} took back the request to open the key.",
        "{who} declined to open the key, as {asker} had asked.",
    ),
    "study.unblinded": "{who} opened the key: answers and the origin of cases were joined.",
    "study.exported": "{who} exported the results.",
    "study.cases_exported": "{who} downloaded a list of the opened cases.",
    "study.report_downloaded": "{who} downloaded the report.",
    "study.audit_exported": "{who} downloaded the audit trail.",
    "study.step_proposed": "{who} asked another admin for {step}.",
    "study.step_approved": "{who} approved {step}, as {asker} had asked.",
    "study.step_declined": "{who} declined {step}, as {asker} had asked.",
    "study.deleted": "{who} deleted the study {subject}.",
    "cases.loaded": "{who} loaded {cases}.",
    "image.signed_off": _with(
        "finding",
        {"clear": ": no name is visible", "named": ": a name is visible"},
        "{who} looked at an image for names",
    ),
    "image.drawn_signed_off": "{who} recorded that a program drew the images; nobody looked at them for names.",
    "terms.set": lambda told: (
        f"{{who}} {'changed' if told.values.get('old') else 'set'} the terms of use of a case set."
    ),
    "terms.confirmed": "{who} confirmed the terms of use of a case set.",
    "invitation.sent": "{who} invited {invited} as {role}{place}.",
    "invitation.revoked": "{who} took back the invitation of {invited}.",
    "invitation.accepted": "{who} accepted the invitation to be {role}.",
    "invitation.refused": "{invited} followed the invitation and could not become {role}.",
    "reader.enrolled": _own(
        lambda told: told.values["person"],
        "{who} joined as reader {subject}{place}.",
        "{who} enrolled {reader} as reader {subject}{place}.",
    ),
    "reader.withdrawn": "{who} entered that {subject} has withdrawn.",
    "reader.consented": "{who} gave consent.",
    "reader.instructed": "{who} confirmed the instructions.",
    "reader.paused": "{who} took a break.",
    "display.checked": _with(
        "passed", {True: "; it passed", False: "; it did not pass"}, "{who} checked the display"
    ),
    "practice.saved": "{who} answered a practice case.",
    "answers.saved": lambda told: (
        f"{{who}} {'changed' if int(told.values.get('revision', 1)) > 1 else 'saved'} the answers to a case."
    ),
    "person.added": _own(
        lambda told: told.subject,
        "{who} made an account behind an invitation.",
        "{who} made an account for {person}.",
    ),
    "person.researcher_granted": "{who} let {person} run and open sweeps.",
    "person.password_set": "{who} set a new password for {person}.",
    "person.profile_changed": "{who} changed what their account says of them.",
    "person.password_changed": "{who} changed their password.",
    "person.sessions_ended": "{who} ended all their other sessions.",
    "person.session_ended": "{who} ended one of their sessions.",
    "person.signed_in": "{who} signed in.",
    "person.signed_out": "{who} signed out.",
    "person.sign_in_failed": "Somebody tried to sign in and failed.",
    "person.locked_out": "Somebody failed to sign in too often and was locked out for a while.",
    "person.second_factor_added": "{who} set up {factor} as second factor.",
    "person.second_factor_removed": "{who} removed {factor} as second factor.",
    "person.second_factor_used": "{who} used {factor} as second factor.",
    "person.second_factors_reset": "{who} took away all second factors of {person}.",
    "person.recovery_codes_drawn": "{who} got new recovery codes.",
    "person.recovery_begun": "{who} gave {person} a link for a new start.",
    "person.recovered": "{who} chose a new password behind a link for a new start.",
    "run.opened": "{who} opened the sweep {subject}.",
    "run.registered": "{who} put {subject} into the ledger.",
    "run.cancelled": "{who} cancelled {subject}.",
    "run.resumed": "{who} resumed {subject}.",
    "run.unit_retried": "{who} had a failed unit of {subject} tried again.",
    "data_set.registered": "{who} registered the data set {subject}.",
    "ensemble.registered": "{who} registered the ensemble {subject}.",
    "site.backed_up": "{who} began a backup of the site.",
    "audit.epoch_begun": lambda told: (
        "{who} put a backup back." if told.values["cause"] == "restore" else "{who} began the audit anchor."
    ),
}
"""Kind to its sentence, or a function that chooses one; `WORDS` says what stands in braces."""
