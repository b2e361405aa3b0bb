"""The rules that are broken on purpose: where each is written, and the tests that must see it.

A survivor is either killed by a test of behaviour, or listed in EQUIVALENT with the reason why no test can.
"""

from collections.abc import Mapping
from dataclasses import dataclass

STUDY = "readerstudy/study"


@dataclass(frozen=True)
class Rule:
    """Functions (all of the file where none are named), and the tests that judge them, the quickest first."""

    name: str
    file: str
    functions: tuple[str, ...]
    tests: tuple[str, ...]


RULES = (
    Rule("consent", f"{STUDY}/reading/visits.py", ("give_consent", "begin"), ("tests/study/test_visits.py",)),
    Rule(
        "display check", f"{STUDY}/reading/visits.py", ("check_display",),
        ("tests/study/test_visits.py", "tests/study/test_stages.py"),
    ),
    Rule("display is fit", f"{STUDY}/reading/measured.py", ("display_is_fit",), ("tests/study/test_visits.py",)),
    Rule(
        "what is served", f"{STUDY}/reading/answering.py", ("servable", "returnable", "check_stages"),
        ("tests/study/test_services.py", "tests/study/test_stages.py", "tests/study/test_visits.py"),
    ),
    Rule(
        "one save per turn", f"{STUDY}/reading/answering.py",
        ("save_answers", "_check_turn", "_locked", "_check_open", "same_or_stale"),
        ("tests/study/test_services.py", "tests/study/test_visits.py", "tests/study/test_stages.py"),
    ),
    Rule(
        "stages", f"{STUDY}/reading/stages.py", ("visit_of", "_pending", "display_checked", "_break_until", "due_at"),
        ("tests/study/test_visits.py", "tests/study/test_stages.py"),
    ),
    Rule(
        "practice", f"{STUDY}/reading/visits.py", ("save_practice",),
        ("tests/study/test_visits.py", "tests/study/test_stages.py"),
    ),
    Rule(
        "reading time", f"{STUDY}/reading/measured.py", ("times_of", "_numbers"),
        ("tests/study/test_services.py", "tests/study/test_visits.py", "tests/study/test_bad_bodies.py"),
    ),
    Rule(
        "visibility", f"{STUDY}/visibility.py", (),
        ("tests/study/test_services.py", "tests/study/test_people.py", "tests/blinding/test_access.py"),
    ),
    Rule(
        "transitions", f"{STUDY}/phases.py", (), ("tests/study/test_services.py", "tests/study/test_guards.py")
    ),
    Rule(
        "lock", f"{STUDY}/design/lifecycle.py", ("lock", "start", "close", "archive", "cases_draft"),
        ("tests/study/test_services.py", "tests/study/test_obstacles.py", "tests/study/test_unblinded.py",
         "tests/study/test_terms.py", "tests/study/test_signoff.py"),
    ),
    Rule(
        "obstacles", f"{STUDY}/design/obstacles.py", (),
        ("tests/study/test_obstacles.py", "tests/study/test_services.py"),
    ),
    Rule(
        "who may alone", f"{STUDY}/duties.py", (),
        ("tests/study/test_unblinded.py", "tests/study/test_people.py", "tests/results/test_openers.py",
         "tests/results/test_two_admins.py"),
    ),
    Rule(
        "key opening", "readerstudy/results/services.py", (),
        ("tests/results/test_open_key.py", "tests/results/test_approval.py", "tests/results/test_two_admins.py",
         "tests/results/test_openers.py"),
    ),
    Rule(
        "orders and allotment", f"{STUDY}/orders/order.py", (),
        ("tests/study/test_order.py", "tests/study/test_thousand_orders.py"),
    ),
    Rule(
        "fencing and leases", "analysis/services/ledger.py", (),
        ("tests/ledger/test_ledger.py", "tests/ledger/test_finishing.py"),
    ),
    Rule("custody", "analysis/services/custody.py", (), ("tests/caseset/test_custody.py",)),
    Rule(
        "sealed files", "analysis/caseset/sealed.py", (),
        ("tests/caseset/test_sealed.py", "tests/ops/test_backup_rules.py"),
    ),
    Rule("keys of cases", "analysis/caseset/keys.py", (), ("tests/caseset",)),
    Rule("identity", "analysis/identity.py", (), ("tests/identity",)),
    Rule(
        "ratings join", "readerstudy/results/values.py", (),
        ("tests/results/test_ratings.py", "tests/results/test_values.py", "tests/results/test_open_key.py"),
    ),
    Rule(
        "strata", "readerstudy/results/ratings.py", ("_batch", "_rating", "subgroups_frame"),
        ("tests/results/test_ratings.py", "tests/results/test_designs.py"),
    ),
    Rule("Holm", "analysis/metrics/multiplicity.py", (), ("tests/metrics",)),
    Rule("matching", "analysis/selection/matching.py", (), ("tests/selection/test_matching.py",)),
    Rule(
        "balance", "analysis/selection/covariates.py",
        ("balance_table", "smd", "_variance", "_levels", "_values", "_mean"), ("tests/selection/test_balance.py",),
    ),
)  # fmt: skip

EQUIVALENT: Mapping[str, str] = {}
"""Mutants that no test can tell from the rule: `FILE FUNCTION: OLD -> NEW` and the reason."""
