"""Events as plain sentences: the words are in sentences.toml, and what goes between them is worked out here."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from readerstudy.audit.models import Event

SERVER = "A command on the server"
"""Who did it where no person signed in."""
WORDLESS = "for which this version has no words"
_FILE: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    (files("readerstudy.audit") / "sentences.toml").read_text("utf-8")
)
SENTENCES: Mapping[str, str] = _FILE["sentences"]
"""Of every kind of event its sentence."""


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
        return _looked_up(self.people, number) or f"person {number}"

    def invited(self, number: Any) -> str:
        """Return the address of an invitation."""
        return _looked_up(self.invitations, number) or f"somebody (invitation {number})"


def _looked_up(names: Mapping[int, str], number: Any) -> str | None:
    return names.get(int(number)) if str(number).isdecimal() else None


@dataclass(frozen=True)
class Told:
    """One event on its way to a sentence; `values` is empty while they are masked."""

    who: str
    subject: str
    values: Mapping[str, Any]
    names: Names

    def __getitem__(self, word: str) -> str:
        """Return what `{word}` stands for in a sentence."""
        if word in _FILE["meant"]:
            return str(_FILE["meant"][word].get(str(self.values.get(word)).lower(), ""))
        return WORDS[word](self)


def sentence_of(event: Event, names: Names, *, masked: bool = False) -> str:
    """Return who did what, in one sentence; when it was is next to it.

    Parameters
    ----------
    names: what numbers of the record mean.
    masked: use the kind and the actor alone, nothing of subject and values.
    """
    who = SERVER if event.actor_id is None else names.person(event.actor_id)
    told = Told(who, "" if masked else event.subject, {} if masked else event.values, names)
    try:
        own = _FILE["own"].get(event.kind)
        if own is not None and str(event.actor_id) == str(_concerned(event.kind, told)):
            return str(own.format_map(told))
        return SENTENCES[event.kind].format_map(told)
    except (KeyError, TypeError, ValueError, AttributeError):
        # No such kind; or a record of another version lacks a value, and is itself shown below the sentence.
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
    subjects = (event.subject for event in events if event.kind.startswith("invitation."))
    return {int(subject) for subject in subjects if subject.isdecimal()}


def _concerned(kind: str, told: Told) -> Any:
    """Return the number of the person to whom something was done."""
    if kind == "reader.enrolled":
        return told.values["person"]
    return _asker(told) if kind == "study.unblinding_declined" else told.subject


def _count(number: Any, one: str) -> str:
    return f"{number} {one if int(number) == 1 else f'{one}s'}"


def _named(table: str, name: Any) -> str:
    return str(_FILE[table].get(str(name), name))


def _asker(told: Told) -> str:
    """Return the number of the person who asked for what was declined or approved."""
    number = told.values["asked_by"] if "asked_by" in told.values else told.values["old"]
    return str(number).removeprefix("asked by ")


def _warned(told: Told) -> str:
    warnings = told.values.get("warnings")
    return f", with {_count(len(warnings), 'warning')} about its words" if warnings else ""


WORDS: Mapping[str, Callable[[Told], str]] = {
    "who": lambda told: told.who,
    "subject": lambda told: told.subject,
    "person": lambda told: told.names.person(told.subject),
    "invited": lambda told: told.names.invited(told.subject),
    "reader": lambda told: told.names.person(told.values["person"]),
    "asker": lambda told: told.names.person(_asker(told)),
    "role": lambda told: _named("roles", told.values["role"]),
    "old role": lambda told: _named("roles", told.values["old"]),
    "title": lambda told: str(told.values["title"]),
    "factor": lambda told: _named(
        "factors", told.values.get("new") or told.values.get("factor") or told.values["old"]
    ),
    "step": lambda told: str(_FILE["steps"][told.values["step"]]).format(told.subject),
    "place": lambda told: f", in the place of {place}" if (place := told.values.get("replaces")) else "",
    "changed": lambda told: ", ".join(
        told.names.fields.get(name, name.replace("_", " ")) for name in told.values["changed"]
    ),
    "readers": lambda told: _count(told.values["readers"], "reader"),
    "cases": lambda told: _count(told.values["cases"], "case"),
    "warnings": _warned,
    "set": lambda told: "changed" if told.values.get("old") else "set",
    "saved": lambda told: "changed" if int(told.values.get("revision", 1)) > 1 else "saved",
    "begun": lambda told: (
        "put a backup back" if told.values["cause"] == "restore" else "began the audit anchor"
    ),
}
"""What the words in braces of a sentence stand for."""
