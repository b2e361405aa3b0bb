"""The rules that are broken on purpose: where each is written, and the tests that must see it.

A survivor is either killed by a test of behaviour, or listed in EQUIVALENT with the reason why no test can.
"""

from collections.abc import Mapping
from dataclasses import dataclass

STUDY = "readerstudy/study"
LEDGER = "analysis/services/ledger.py"
CUSTODY, MATCHING = "analysis/services/custody.py", "analysis/selection/matching.py"
TWO = "tests/results/test_two_admins.py"
OBSTACLES = "tests/study/test_obstacles.py"
BROWSING, DRAFTS = "tests/results/test_browsing.py", "tests/ops/test_drafts.py"
OPEN = "tests/results/test_open_key.py"
RATINGS, DESIGNS = "tests/results/test_ratings.py", "tests/results/test_designs.py"
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
         "tests/study/test_terms.py::test_a_reader_who_has_finished_is_not_asked_any_more"),
    ),
    Rule(
        "practice", f"{STUDY}/reading/visits.py", ("save_practice",),
        ("tests/study/test_visits.py", OUT_OF_TURN),
    ),
    Rule(
        "reading time", f"{STUDY}/reading/measured.py", ("times_of", "_numbers"),
        ("tests/study/test_bad_bodies.py::test_a_body_that_no_database_keeps_is_refused",
         "tests/study/test_services.py::test_senseless_values_are_refused_whole",
         "tests/study/test_services.py::test_rating_keeps_answers_time_and_audit",
         "tests/study/test_visits.py::test_the_times_of_200_visits_to_a_case_are_kept"),
    ),
    Rule(
        "visibility", f"{STUDY}/visibility.py", (),
        ("tests/study/test_people.py", "tests/study/test_builder.py", "tests/blinding/test_run_access.py",
         "tests/study/test_lists.py", DRAFTS,
         f"{OPEN}::test_command_says_why_not"),
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
         f"{OPEN}::test_an_opened_key_serves_no_new_study",
         f"{OPEN}::test_a_draft_with_these_cases_is_locked_no_more_once_their_key_is_open"),
    ),
    Rule(
        "obstacles", f"{STUDY}/design/obstacles.py", (),
        (f"{OBSTACLES}::test_each_design_is_tried_for_every_planned_reader",
         f"{OBSTACLES}::test_cases_that_are_dealt_count_as_they_were_dealt",
         f"{OBSTACLES}::test_of_few_cases_no_small_share_is_a_repeat",
         f"{OBSTACLES}::test_a_first_window_of_which_cases_were_not_loaded_is_told_once",
         f"{OBSTACLES}::test_a_study_without_cases_is_not_locked",
         "tests/study/test_several_images.py::test_a_lock_waits_until_the_protocol_lays_out_what_there_is",
         f"{DRAFTS}::test_practice_cases_with_other_images_are_refused_and_others_found_before_the_lock",
         "tests/study/test_terms.py::test_images_of_patients_are_not_locked_without_terms",
         f"{OPEN}::test_a_draft_with_these_cases_is_locked_no_more_once_their_key_is_open",
         f"{OBSTACLES}::test_a_shown_field_that_a_case_lacks_is_no_part_of_a_lock",
         f"{OBSTACLES}::test_a_share_of_repeats_that_gives_none_is_told_and_not_locked",
         f"{OBSTACLES}::test_the_dead_study_is_refused_and_the_words_lead_out"),
    ),
    Rule(
        "who may alone", f"{STUDY}/duties.py", (),
        ("tests/study/test_services.py::test_a_study_that_is_no_draft_takes_no_other_cases",
         "tests/study/test_people.py::test_an_invited_statistician_has_the_role_and_a_reader_can_have_none",
         "tests/study/test_unblinded.py::test_none_of_the_steps_is_taken_alone",
         "tests/study/test_unblinded.py::test_the_access_log_alone_unblinds",
         "tests/study/test_unblinded.py::test_marked_in_the_protocol_file_on_the_page_and_in_the_report",
         "tests/results/test_openers.py",
         f"{BROWSING}::test_a_person_who_could_see_the_groups_does_not_read_the_same_pixels",
         f"{BROWSING}::test_images_whose_groups_a_reader_could_see_do_not_take_the_place_of_others",
         f"{TWO}::test_the_other_is_taken_out_and_comes_back",
         f"{TWO}::test_a_late_admin_is_no_second[by command]",
         f"{TWO}::test_one_admin_at_the_lock_opens_alone_and_a_later_one_changes_nothing",
         f"{TWO}::test_roles_stand_still_while_a_request_does[a role is given]",
         f"{TWO}::test_roles_stand_still_while_a_request_does[a role is confirmed]",
         f"{TWO}::test_a_request_that_was_used_holds_nothing_up",
         f"{TWO}::test_an_unblinded_admin_is_no_blinded_one_by_a_second_account"),
    ),
    Rule(
        "proposals", f"{STUDY}/people/proposals.py", (), ("tests/study/test_unblinded.py",)
    ),
    Rule(
        "key opening", "readerstudy/results/services.py", (),
        (OPEN, "tests/results/test_approval.py",
         "tests/results/test_openers.py::test_the_operators_word_holds_until_the_next_link",
         f"{TWO}::test_the_two_open_it_together_either_way_round",
         f"{TWO}::test_who_does_not_count_cannot_ask_and_holds_up_nobody_who_does",
         f"{TWO}::test_a_copy_of_the_study_under_one_admin",
         f"{TWO}::test_the_server_opens_only_where_two_are_not_left"),
    ),
    Rule(
        "orders and allotment", f"{STUDY}/orders/order.py", (),
        ("tests/study/test_order.py", "tests/study/test_allotment.py",
         "tests/study/test_thousand_orders.py::test_more_repeats_than_fit_are_refused"),
    ),
    Rule(
        "fencing and leases", LEDGER, (),
        ("tests/ledger/test_ledger.py", "tests/ledger/test_fleet.py"),
    ),
    Rule(
        "custody", CUSTODY, (),
        ("tests/caseset/test_custody.py", "tests/caseset/test_colour.py::test_custody_compares_colour"),
    ),
    Rule(
        "sealed files", "analysis/caseset/sealed.py", (),
        ("tests/caseset/test_sealed.py",),
    ),
    Rule("keys of cases", "analysis/caseset/keys.py", (), ("tests/caseset/test_keys.py",)),
    Rule("identity", "analysis/identity.py", (), ("tests/identity",)),
    Rule(
        "ratings join", "readerstudy/results/values.py", (),
        (f"{RATINGS}::test_ratings_are_the_answers_joined_with_the_key",
         f"{RATINGS}::test_a_pair_of_one_member_is_no_pair", f"{RATINGS}::test_the_last_revision_counts",
         f"{OPEN}::test_nothing_answers_before_the_key_is_open",
         f"{OPEN}::test_a_row_alone_opens_nothing",
         f"{DESIGNS}::test_what_a_reader_has_read_are_first_readings",
         f"{DESIGNS}::test_the_time_of_a_reading_is_that_of_all_its_visits[fully crossed]"),
    ),
    Rule(
        "case browser", "readerstudy/results/browsing.py", ("why_shut",),
        (BROWSING,),
    ),
    Rule(
        "pixels in common", "readerstudy/cases/selectors.py", ("share_pixels", "_pixels"),
        (BROWSING,),
    ),
    Rule(
        "strata", "readerstudy/results/ratings.py", ("_batch", "_rating", "subgroups_frame"),
        (f"{RATINGS}::test_the_groups_of_cases_are_those_that_the_protocol_names",
         f"{RATINGS}::test_ratings_are_the_answers_joined_with_the_key",
         f"{DESIGNS}::test_where_all_read_all_the_batch_is_the_block_of_the_case",
         f"{DESIGNS}::test_with_own_cases_the_batch_is_the_planned_reader",
         f"{DESIGNS}::test_with_overlapping_blocks_the_batch_is_the_block_of_readers"),
    ),
    Rule("Holm", "analysis/metrics/multiplicity.py", (), ("tests/stats/test_tables.py", "tests/stats/test_plan.py")),
    Rule("matching", MATCHING, (), ("tests/selection/test_matching.py",)),
    Rule(
        "balance", "analysis/selection/covariates.py",
        ("balance_table", "smd", "_variance", "_levels", "_values", "_mean"), ("tests/selection/test_balance.py",),
    ),
)  # fmt: skip

TINTS = "(colours := tint(square, SIDE) @ tint(in_planes(given[name]), SIDE))"
EXACTLY = "the likeness of two pictures, a correlation of 4,096 numbers, is never exactly the threshold"

DISTANCE = "distance=Case(When(ours, then=0), When(~Exists(others), then=1), default=2)"
PRICE = "price = rows * float(finite.max(initial=0.0)) + 1.0"
ANY_PRICE = "any price above every sum of distances gives as many pairs with the same sum"
ANY_FACTOR = (
    "with a ratio each exemplar has one first copy and at least one more, so that later copies are at most rows - 1, "
    "and of one exemplar it does not matter which copy stays alone; without one all prices are alike"
)

EQUIVALENT: Mapping[str, str] = {
    "analysis/metrics/multiplicity.py holm: largest = 0.0 -> largest = -1.0": "no p-value is below 0",
    "analysis/metrics/multiplicity.py fixed_sequence: largest = 0.0 -> largest = -1.0": "no p-value is below 0",
    f"{CUSTODY} _likeness: for number, (name, square) in enumerate(zip(names, squares, strict=True)): -> "
    "for number, (name, square) in enumerate(zip(names, squares, strict=False)):":
    "a run's cache has one picture per image: its digest was compared with the plan's before",
    f"{CUSTODY} _refuse_strangers: if own < ALIKE: -> if own <= ALIKE:": EXACTLY,
    f"{CUSTODY} _likeness: and {TINTS} < ALIKE -> and {TINTS} <= ALIKE": EXACTLY,
    f'{CUSTODY} _refuse_strangers: like = f"; it is like the evaluated {{nearest!r}} ({{best:.2f}})" if best >= ALIKE '
    'else "" -> like = f"; it is like the evaluated {nearest!r} ({best:.2f})" if best > ALIKE else ""': EXACTLY,
    f"{STUDY}/design/obstacles.py _none: if replace(protocol, repeat_fraction=share / 100).repeats_of(own) -> "
    "if replace(protocol, repeat_fraction=share / 101).repeats_of(own)":
    "the first share is sought that times the cases is above 50, and no whole number lies between 50 and 50.5",
    f'{LEDGER} now: cursor.execute("SELECT statement_timestamp()") -> pass':
    "not for PostgreSQL, where tests/ledger/test_ledger.py fails (`make test-servers`); mutants are judged on SQLite",
    **{
        f"{LEDGER} _in_order: {DISTANCE} -> {DISTANCE.replace(*other)}": "only the order of the three numbers counts"
        for other in (("then=0", "then= -1"), ("default=2", "default= 3"))
    },
    **{
        f"{MATCHING} _assign: {PRICE} -> {PRICE.replace('0.0', initial)}": "without an allowed pair none is chosen"
        for initial in (" -1.0", " 1.0")
    },
    f"{MATCHING} _assign: {PRICE} -> {PRICE.replace('+ 1.0', '+ 2.0')}": ANY_PRICE,
    f"{MATCHING} _assign: {PRICE} -> {PRICE.replace('+ 1.0', '+ 0.0')}": f"{ANY_PRICE}; it ties only with one pair or "
    "where all distances are 0, and scipy takes the pair, which comes first",
    **{
        f"{MATCHING} _assign: alone[::ratio] *= rows + 1 -> alone[::ratio] *= rows {other}": ANY_FACTOR
        for other in ("+ 0", "+ 2", "- 1")
    },
    **{
        f"{MATCHING} _assign: if ratio > 1: -> if ratio {other}:": ANY_FACTOR for other in ("> 0", ">= 1")
    },
    f"{MATCHING} _scale: return spread if spread > 0 else 1.0 -> return spread if spread > 0 else 2.0":
    "where a number does not vary every difference is 0",
}  # fmt: skip
"""Mutants that no test can tell from the rule: `FILE FUNCTION: OLD -> NEW` and the reason."""
