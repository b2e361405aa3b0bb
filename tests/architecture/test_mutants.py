"""The table of rules that are broken on purpose names functions and tests that exist."""

import pytest

from tests.docs.drawn import ROOT
from tests.mutants.mutate import mutants
from tests.mutants.rules import EQUIVALENT, RULES, Rule


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_names_what_exists(rule: Rule) -> None:
    for test in rule.tests:
        file, _, name = test.partition("::")
        name = name.partition("[")[0]
        assert not name or f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), test
        assert (ROOT / file).exists(), test
    source = (ROOT / rule.file).read_text(encoding="utf-8")
    assert [name for name in rule.functions if f"def {name}(" not in source] == []


@pytest.mark.parametrize("name", EQUIVALENT)
def test_what_no_test_can_tell_is_a_change_of_a_line_that_is_there(name: str) -> None:
    file, function, change = name.split(" ", 2)
    lines = [line.strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines()]
    assert f"def {function.removesuffix(':')}(" in " ".join(lines)
    assert any(change.startswith(f"{line} -> ") for line in lines if line)


def test_each_refusal_can_be_left_out() -> None:
    changes = [mutant.change for mutant in mutants("readerstudy/study/phases.py", ("next_phase",))]
    assert any(change.endswith("-> pass") for change in changes)
