"""Every kind of event that the code records has a sentence, and each sentence says who did what."""

import ast
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from readerstudy.audit.models import Event
from readerstudy.audit.sentences import SENTENCES, WORDLESS, Names, invitations_in, people_in, sentence_of
from readerstudy.study.design.audit_views import OPEN_KINDS

ROOT = Path(__file__).resolve().parents[2]
NAMES = Names({1: "Alice", 2: "Bob"}, {7: "nora@example.org"}, {"alpha": "Level alpha"})


def recorded_kinds(sources: dict[str, str]) -> set[str]:
    """Return every kind that the sources hand to `record`, to the signal `changed`, or to a function that passes it on.

    A kind that is neither a text nor a name that stands for one is told by its code, so that the test fails.
    """
    files = [list(ast.walk(ast.parse(text))) for text in sources.values()]
    everywhere = [node for nodes in files for node in nodes]
    found: set[str] = set()
    passing: dict[str, int] = {}
    for nodes in files:
        scopes = [node for node in nodes if isinstance(node, ast.FunctionDef)]
        inside = {node for scope in scopes for node in ast.walk(scope)}
        for scope in scopes:
            own = list(ast.walk(scope))
            for kind in filter(None, map(_recorded, own)):
                names = [argument.arg for argument in scope.args.args]
                if isinstance(kind, ast.Name) and kind.id in names:
                    passing[scope.name] = names.index(kind.id)
                elif not isinstance(kind, ast.Name) or kind.id not in {a.arg for a in scope.args.kwonlyargs}:
                    found |= set(_texts(kind, own, nodes, everywhere))
        for kind in filter(None, map(_recorded, [node for node in nodes if node not in inside])):
            found |= set(_texts(kind, nodes, everywhere))
    for nodes in files:
        for call in (node for node in nodes if isinstance(node, ast.Call)):
            place = passing.get(ast.unparse(call.func), len(call.args))
            if place < len(call.args):
                found |= set(_texts(call.args[place], nodes, everywhere))
    return found


def _recorded(node: ast.AST) -> ast.expr | None:
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-2:] in (
        ["record"],
        ["changed", "send"],
    ):
        named = next((word.value for word in node.keywords if word.arg == "kind"), None)
        return named or next(iter(node.args), None)
    return None


def _texts(node: ast.expr, *scopes: list[ast.AST]) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body, *scopes)
        yield from _texts(node.orelse, *scopes)
    elif isinstance(node, ast.Name) and (values := _values_of(node.id, *scopes)):
        for value in values:
            yield from _texts(value)
    else:
        yield ast.unparse(node)


def _values_of(name: str, *scopes: list[ast.AST]) -> list[ast.expr]:
    """Return what is assigned to a name in the first scope that does so."""
    for scope in scopes:
        values = [
            node.value for node in scope
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name
        ]  # fmt: skip
        if values:
            return values
    return []


def sources() -> dict[str, str]:
    return {
        str(path): path.read_text(encoding="utf-8")
        for top in ("readerstudy", "analysis")
        for path in (ROOT / top).rglob("*.py")
    }


def event(kind: str, subject: str = "", actor: int | None = 1, **values: object) -> Event:
    return Event(study=uuid4(), sequence=1, kind=kind, subject=subject, actor_id=actor, values=values)


def test_every_kind_that_is_recorded_has_a_sentence_and_no_other_has() -> None:
    assert recorded_kinds(sources()) == set(SENTENCES)


@pytest.mark.parametrize(
    "planted",
    ["record(kind='study.sung', actor=None)", "record('study.sung', None)",
     "SUNG = 'study.sung'\nrecord(kind=SUNG, actor=None)",
     "def _go(study, kind):\n    record(kind=kind, actor=None)\n_go(1, 'study.sung')",
     "def _go(study):\n    kind = 'study.sung' if study else 'study.locked'\n    record(kind=kind, actor=None)",
     "changed.send(sender=None, kind='study.sung')"],
)  # fmt: skip
def test_a_new_kind_is_seen_however_it_is_written(planted: str) -> None:
    assert "study.sung" in recorded_kinds({"planted.py": planted})


OF_THE_SITE = {"person", "run", "data_set", "ensemble", "site", "audit"}
"""Kinds that belong to no study, and are on no page that masks."""


def test_every_sentence_holds_without_values_where_they_are_masked() -> None:
    for kind in SENTENCES:
        if not kind.startswith(OPEN_KINDS) and kind.split(".")[0] not in OF_THE_SITE:
            told = sentence_of(event(kind, "secret-subject", passed=True, revision=2), NAMES, masked=True)
            assert WORDLESS not in told
            assert "secret-subject" not in told
            assert told.startswith("Alice ")


@pytest.mark.parametrize(
    ("happened", "sentence"),
    [
        (event("study.created", "chest", title="A {chest}"), "Alice made the study \u201cA {chest}\u201d."),
        (event("study.role_given", "2", role="study_admin"), "Alice made Bob study admin of the study."),
        (event("study.role_given", "1", role="study_admin"), "Alice became study admin of the study."),
        (event("study.role_ended", "2", old="statistician"), "Alice ended Bob's role as statistician."),
        (event("study.locked", "chest", None), "A command on the server locked the protocol."),
        (event("study.locked", warnings=["a", "b"]), "Alice locked the protocol, with 2 warnings about its words."),
        (event("study.started", readers=1), "Alice opened the reading room for 1 reader."),
        (event("study.protocol_changed", changed={"alpha": [0.05, 0.01], "odd_one": [1, 2]}),
         "Alice changed the protocol: Level alpha, odd one."),
        (event("reader.enrolled", "R02", person=2, replaces="R01"),
         "Alice enrolled Bob as reader R02, in the place of R01."),
        (event("reader.enrolled", "R02", person=1, replaces=""), "Alice joined as reader R02."),
        (event("invitation.sent", "7", role="reader", replaces=""), "Alice invited nora@example.org as reader."),
        (event("invitation.sent", "8", role="reader"), "Alice invited somebody (invitation 8) as reader."),
        (event("study.step_approved", "R01", step="withdraw", asked_by=2),
         "Alice approved withdrawing R01, as Bob had asked."),
        (event("study.unblinding_declined", old="asked by 2"), "Alice declined to open the key, as Bob had asked."),
        (event("study.unblinding_declined", old="asked by 1"), "Alice took back the request to open the key."),
        (event("answers.saved", "x", revision=2), "Alice changed the answers to a case."),
        (event("display.checked", passed=False), "Alice checked the display; it did not pass."),
        (event("terms.set", old="", new="a"), "Alice set the terms of use of a case set."),
        (event("person.second_factor_added", "1", new="totp"), "Alice set up an authenticator app as second factor."),
        (event("person.added", "2"), "Alice made an account for Bob."),
        (event("study.role_given", "2"), f"Alice did something {WORDLESS} (study.role_given)."),
        (event("study.sung"), f"Alice did something {WORDLESS} (study.sung)."),
    ],
)  # fmt: skip
def test_sentences(happened: Event, sentence: str) -> None:
    assert sentence_of(happened, NAMES) == sentence


def test_the_numbers_to_look_up_are_found() -> None:
    events = [
        event("study.role_given", "2"), event("reader.enrolled", "R01", person=3), event("invitation.sent", "7"),
        event("study.unblinding_declined", "chest", None, old="asked by 4"),
        event("study.step_approved", "5", asked_by=6),
    ]  # fmt: skip
    assert people_in(events) == {1, 2, 3, 4, 6}
    assert invitations_in(events) == {7}
