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
            return words(told) if callable(words) else words.format(who=who)
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


def _count(number: Any, one: str, many: str) -> str:
    return f"{number} {one if int(number) == 1 else many}"


def _role(name: Any) -> str:
    return ROLES.get(str(name), str(name))


def _created(told: Told) -> str:
    simulated = ", whose readers are simulated" if told.values.get("simulated_readers") else ""
    return f"{told.who} made the study \u201c{told.values['title']}\u201d{simulated}."


def _role_given(told: Told) -> str:
    role = _role(told.values["role"])
    if told.is_actor(told.subject):
        return f"{told.who} became {role} of the study."
    return f"{told.who} made {told.names.person(told.subject)} {role} of the study."


def _role_ended(told: Told) -> str:
    role = _role(told.values["old"])
    if told.is_actor(told.subject):
        return f"{told.who} gave up the role of {role}."
    return f"{told.who} ended {told.names.person(told.subject)}'s role as {role}."


def _enrolled(told: Told) -> str:
    place = f", in the place of {told.values['replaces']}" if told.values.get("replaces") else ""
    person = told.values["person"]
    if told.is_actor(person):
        return f"{told.who} joined as reader {told.subject}{place}."
    return f"{told.who} enrolled {told.names.person(person)} as reader {told.subject}{place}."


def _protocol_changed(told: Told) -> str:
    changed = [told.names.fields.get(name, name.replace("_", " ")) for name in told.values["changed"]]
    return f"{told.who} changed the protocol: {', '.join(changed)}."


def _locked(told: Told) -> str:
    warnings = len(told.values.get("warnings") or [])
    words = f", with {_count(warnings, 'warning', 'warnings')} about its words" if warnings else ""
    return f"{told.who} locked the protocol{words}."


def _step(told: Told) -> str:
    """Return the step as something that can be asked for, approved or declined."""
    return STEPS[told.values["step"]].format(told.subject)


def _invited(told: Told) -> str:
    place = f", in the place of {told.values['replaces']}" if told.values.get("replaces") else ""
    return f"{told.who} invited {told.names.invited(told.subject)} as {_role(told.values['role'])}{place}."


def _display_checked(told: Told) -> str:
    passed = told.values.get("passed")
    outcome = "" if passed is None else "; it passed" if passed else "; it did not pass"
    return f"{told.who} checked the display{outcome}."


def _saved(told: Told) -> str:
    again = int(told.values.get("revision", 1)) > 1
    return f"{told.who} {'changed' if again else 'saved'} the answers to a case."


def _declined(told: Told) -> str:
    asker = str(told.values["old"]).removeprefix("asked by ")
    if told.is_actor(asker):
        return f"{told.who} took back the request to open the key."
    return f"{told.who} declined to open the key, as {told.names.person(asker)} had asked."


def _signed_off(told: Told) -> str:
    outcome = {"clear": ": no name is visible", None: ""}.get(
        told.values.get("finding"), ": a name is visible"
    )
    return f"{told.who} looked at an image for names{outcome}."


def _terms(told: Told) -> str:
    return f"{told.who} {'changed' if told.values.get('old') else 'set'} the terms of use of a case set."


def _person_added(told: Told) -> str:
    if told.is_actor(told.subject):
        return f"{told.who} made an account behind an invitation."
    return f"{told.who} made an account for {told.names.person(told.subject)}."


def _factor(value: str, words: str) -> Callable[[Told], str]:
    def told_of(told: Told) -> str:
        kind = str(told.values[value])
        return f"{told.who} {words} {FACTORS.get(kind, kind)} as second factor."

    return told_of


def _about(words: str) -> Callable[[Told], str]:
    """Put the name of the person whom a record is about into `{}`."""
    return lambda told: f"{told.who} {words.format(told.names.person(told.subject))}."


SENTENCES: Mapping[str, str | Callable[[Told], str]] = {
    "study.created": _created,
    "study.copied": "{who} made this study as a copy of another one.",
    "study.role_given": _role_given,
    "study.role_confirmed": lambda told: (
        f"{told.who} confirmed {told.names.person(told.subject)} as {_role(told.values['role'])} of the study."
    ),
    "study.role_ended": _role_ended,
    "study.cases_attached": "{who} tied the study to its cases and to their sealed key, by their digests.",
    "study.practice_attached": "{who} gave the study its practice cases.",
    "study.protocol_changed": _protocol_changed,
    "study.locked": _locked,
    "study.started": lambda told: (
        f"{told.who} opened the reading room for {_count(told.values['readers'], 'reader', 'readers')}."
    ),
    "study.closed": "{who} closed reading.",
    "study.archived": "{who} archived the study.",
    "study.unblinding_asked": "{who} asked for the key to be opened.",
    "study.unblinding_declined": _declined,
    "study.unblinded": "{who} opened the key: answers and the origin of cases were joined.",
    "study.exported": "{who} exported the results.",
    "study.cases_exported": "{who} downloaded a list of the opened cases.",
    "study.report_downloaded": "{who} downloaded the report.",
    "study.audit_exported": "{who} downloaded the audit trail.",
    "study.step_proposed": lambda told: f"{told.who} asked another admin for {_step(told)}.",
    "study.step_approved": lambda told: (
        f"{told.who} approved {_step(told)}, as {told.names.person(told.values['asked_by'])} had asked."
    ),
    "study.step_declined": lambda told: (
        f"{told.who} declined {_step(told)}, as {told.names.person(told.values['asked_by'])} had asked."
    ),
    "study.deleted": lambda told: f"{told.who} deleted the study {told.subject}.",
    "cases.loaded": lambda told: f"{told.who} loaded {_count(told.values['cases'], 'case', 'cases')}.",
    "image.signed_off": _signed_off,
    "image.drawn_signed_off": "{who} recorded that a program drew the images; nobody looked at them for names.",
    "terms.set": _terms,
    "terms.confirmed": "{who} confirmed the terms of use of a case set.",
    "invitation.sent": _invited,
    "invitation.revoked": lambda told: (
        f"{told.who} took back the invitation of {told.names.invited(told.subject)}."
    ),
    "invitation.accepted": lambda told: (
        f"{told.who} accepted the invitation to be {_role(told.values['role'])}."
    ),
    "invitation.refused": lambda told: (
        f"{told.names.invited(told.subject)} followed the invitation and could not become "
        f"{_role(told.values['role'])}."
    ),
    "reader.enrolled": _enrolled,
    "reader.withdrawn": lambda told: f"{told.who} entered that {told.subject} has withdrawn.",
    "reader.consented": "{who} gave consent.",
    "reader.instructed": "{who} confirmed the instructions.",
    "reader.paused": "{who} took a break.",
    "display.checked": _display_checked,
    "practice.saved": "{who} answered a practice case.",
    "answers.saved": _saved,
    "person.added": _person_added,
    "person.researcher_granted": _about("let {} run and open sweeps"),
    "person.password_set": _about("set a new password for {}"),
    "person.profile_changed": "{who} changed what their account says of them.",
    "person.password_changed": "{who} changed their password.",
    "person.sessions_ended": "{who} ended all their other sessions.",
    "person.session_ended": "{who} ended one of their sessions.",
    "person.signed_in": "{who} signed in.",
    "person.signed_out": "{who} signed out.",
    "person.sign_in_failed": "Somebody tried to sign in and failed.",
    "person.locked_out": "Somebody failed to sign in too often and was locked out for a while.",
    "person.second_factor_added": _factor("new", "set up"),
    "person.second_factor_removed": _factor("old", "removed"),
    "person.second_factor_used": _factor("factor", "used"),
    "person.second_factors_reset": _about("took away all second factors of {}"),
    "person.recovery_codes_drawn": "{who} got new recovery codes.",
    "person.recovery_begun": _about("gave {} a link for a new start"),
    "person.recovered": "{who} chose a new password behind a link for a new start.",
    "run.opened": lambda told: f"{told.who} opened the sweep {told.subject}.",
    "run.registered": lambda told: f"{told.who} put {told.subject} into the ledger.",
    "run.cancelled": lambda told: f"{told.who} cancelled {told.subject}.",
    "run.resumed": lambda told: f"{told.who} resumed {told.subject}.",
    "run.unit_retried": lambda told: f"{told.who} had a failed unit of {told.subject} tried again.",
    "data_set.registered": lambda told: f"{told.who} registered the data set {told.subject}.",
    "ensemble.registered": lambda told: f"{told.who} registered the ensemble {told.subject}.",
    "site.backed_up": "{who} began a backup of the site.",
    "audit.epoch_begun": lambda told: (
        f"{told.who} put a backup back."
        if told.values["cause"] == "restore"
        else f"{told.who} began the audit anchor."
    ),
}
"""Kind to its words: a text around `{who}`, or a function of what is told."""
