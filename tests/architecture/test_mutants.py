"""The table of rules that are broken on purpose names functions and tests that exist."""

import pytest

from tests.docs.drawn import ROOT
from tests.mutants.mutate import mutants
from tests.mutants.rules import RULES, Rule


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_names_what_exists(rule: Rule) -> None:
    assert [test for test in rule.tests if not (ROOT / test.split("::")[0]).exists()] == []
    source = (ROOT / rule.file).read_text(encoding="utf-8")
    assert [name for name in rule.functions if f"def {name}(" not in source] == []


def test_each_refusal_can_be_left_out() -> None:
    changes = [mutant.change for mutant in mutants("readerstudy/study/phases.py", ("next_phase",))]
    assert any(change.endswith("-> pass") for change in changes)
