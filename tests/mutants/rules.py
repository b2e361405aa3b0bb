"""The rules that are broken on purpose: where each is written, and the tests that must see it.

A survivor is either killed by a test of behaviour, or listed in EQUIVALENT with the reason why no test can.
"""

from collections.abc import Mapping
from dataclasses import dataclass

STUDY = "readerstudy/study"
STAGES = "tests/study/test_stages.py"
OUT_OF_TURN = f"{STAGES}::test_a_later_stage_cannot_be_done_first"
WITHDRAWN = "tests/study/test_people.py::test_withdrawal_keeps_what_was_read_and_ends_reading"
BETWEEN = (
    f"{STAGES}::test_what_comes_between_in_mid_session_loses_no_answer",
    f"{STAGES}::test_what_comes_between_in_practice_loses_no_practice_answer_and_opens_no_other",
    f"{STAGES}::test_new_terms_open_no_break",
    f"{STAGES}::test_new_terms_spare_nobody_the_display_check",
    f"{STAGES}::test_a_check_that_did_not_pass_and_has_grown_old_is_none",
)


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
        ("tests/study/test_visits.py", OUT_OF_TURN),
    ),
    Rule("display is fit", f"{STUDY}/reading/measured.py", ("display_is_fit",), ("tests/study/test_visits.py",)),
    Rule(
        "what is served", f"{STUDY}/reading/answering.py", ("servable", "returnable", "check_stages"),
        ("tests/study/test_services.py", "tests/study/test_visits.py", *BETWEEN),
    ),
    Rule(
        "one save per turn", f"{STUDY}/reading/answering.py",
        ("save_answers", "_check_turn", "_locked", "_check_open", "same_or_stale"),
        ("tests/study/test_services.py", "tests/study/test_visits.py", WITHDRAWN),
    ),
    Rule(
        "stages", f"{STUDY}/reading/stages.py", ("visit_of", "_pending", "display_checked", "_break_until", "due_at"),
        ("tests/study/test_visits.py", *BETWEEN, WITHDRAWN,
         "tests/study/test_terms.py::test_whoever_has_read_everything_is_not_asked_any_more"),
    ),
    Rule(
        "practice", f"{STUDY}/reading/visits.py", ("save_practice",),
        ("tests/study/test_visits.py", OUT_OF_TURN),
    ),
    Rule(
        "reading time", f"{STUDY}/reading/measured.py", ("times_of", "_numbers"),
        ("tests/study/test_services.py", "tests/study/test_visits.py", "tests/study/test_bad_bodies.py"),
    ),
    Rule(
        "visibility", f"{STUDY}/visibility.py", (),
        ("tests/study/test_people.py", "tests/study/test_builder.py", "tests/blinding/test_run_access.py"),
    ),
    Rule(
        "transitions", f"{STUDY}/phases.py", (), ("tests/study/test_protocol.py", "tests/study/test_services.py")
    ),
    Rule(
        "lock", f"{STUDY}/design/lifecycle.py", ("lock", "start", "close", "archive", "cases_draft"),
        ("tests/study/test_services.py", "tests/study/test_unblinded.py",
         "tests/study/test_obstacles.py::test_the_dead_study_is_refused_and_the_words_lead_out",
         "tests/study/test_obstacles.py::test_reading_does_not_start_before_a_reader_is_enrolled",
         "tests/study/test_terms.py::test_images_of_patients_are_not_locked_without_terms",
         "tests/study/test_signoff.py::test_no_lock_before_every_image_was_looked_at",
         "tests/results/test_open_key.py::test_an_opened_key_serves_no_new_study",
         "tests/results/test_open_key.py::test_a_draft_with_these_cases_is_locked_no_more_once_their_key_is_open"),
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
        ("tests/study/test_order.py", "tests/study/test_allotment.py", "tests/study/test_thousand_orders.py"),
    ),
    Rule(
        "fencing and leases", "analysis/services/ledger.py", (),
        ("tests/ledger/test_ledger.py", "tests/ledger/test_fleet.py"),
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
    Rule("Holm", "analysis/metrics/multiplicity.py", (), ("tests/stats/test_tables.py", "tests/stats/test_plan.py")),
    Rule("matching", "analysis/selection/matching.py", (), ("tests/selection/test_matching.py",)),
    Rule(
        "balance", "analysis/selection/covariates.py",
        ("balance_table", "smd", "_variance", "_levels", "_values", "_mean"), ("tests/selection/test_balance.py",),
    ),
)  # fmt: skip

EQUIVALENT: Mapping[str, str] = {
    f"{STUDY}/design/lifecycle.py lock: if obstacles := obstacles_of(study, draw=True): -> "
    "if obstacles := obstacles_of(study, draw=False):":
    "counting places finds what drawing finds, which tests/study/test_obstacles.py holds against each other; a lock "
    "draws all the same, should they ever part",
    "analysis/metrics/multiplicity.py holm: largest = 0.0 -> largest = -1.0": "no p-value is below 0",
    "analysis/metrics/multiplicity.py fixed_sequence: largest = 0.0 -> largest = -1.0": "no p-value is below 0",
}  # fmt: skip
"""Mutants that no test can tell from the rule: `FILE FUNCTION: OLD -> NEW` and the reason."""
