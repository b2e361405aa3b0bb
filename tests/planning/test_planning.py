"""Variances by quadrature, power by formula and by simulation agree; the page and the command tell the same."""

import math
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from analysis import stats as analysis
from analysis.endpoints import PAPER
from analysis.figures.theme import render
from analysis.stats import analyse, simulate_study
from analysis.stats.calibration import exact_theta
from analysis.stats.candidates import theta_set
from analysis.stats.cells import Cell
from analysis.stats.covariance import reader_thetas
from analysis.stats.planning import (
    Plan,
    answer_shares,
    draw_studies,
    latent_pilot,
    power,
    simulated_power,
    total_cases,
)
from analysis.stats.rows import StatsError
from analysis.stats.simulate import Latent, simulate_answers
from readerstudy.planning.pilot import variances_of
from readerstudy.planning.power import (
    CASES,
    Assumptions,
    effect_in_answers,
    outlook,
    pictures,
    result_in_words,
    several_in_words,
    smallest_in_words,
    with_simulation,
)
from readerstudy.planning.views import initial_of
from readerstudy.study.protocol import Protocol
from tests.stock import Stock

AGREE, QUALITY, DIFFICULTY = PAPER


@pytest.mark.parametrize("endpoint", [QUALITY, AGREE])
@pytest.mark.parametrize("design", ["fully crossed", "own cases"])
def test_quadrature_gives_the_variance_that_simulated_studies_have(endpoint, design) -> None:
    model = Latent(effect={endpoint.name: 0.5}, reader_by_arm=0.1)
    plan = Plan(design, 5, 24)
    pilot, theta = latent_pilot(model, endpoint, cases=24, shares_cases=design != "own cases")
    expected = (pilot.readers + pilot.error + 4 * pilot.covariance) / 5
    rng = np.random.default_rng(11)
    studies = draw_studies(rng, plan, model, endpoint, 800)
    drawn = np.array([reader_thetas(*one).mean() for one in zip(studies.pie, studies.control, strict=True)])
    # A variance of 800 draws has a relative standard error of 0.05.
    assert drawn.var(ddof=1) == pytest.approx(expected, rel=0.2)
    assert abs(drawn.mean() - theta) < 4 * math.sqrt(expected / 800)


def test_theta_equals_the_calibration_s_own_integral() -> None:
    model = Latent(effect={"quality": 0.5})
    cell = Cell("one", effect=0.5)
    assert latent_pilot(model, QUALITY, cases=40)[1] == pytest.approx(exact_theta(cell), abs=1e-4)


@pytest.mark.parametrize(
    ("design", "readers", "cases", "studies"),
    [
        ("fully crossed", 4, 20, 600),
        ("fully crossed", 8, 20, 600),
        ("fully crossed", 4, 60, 400),
        ("own cases", 4, 20, 400),
        ("own cases", 6, 30, 250),
    ],
)
def test_curves_equal_simulation_within_monte_carlo_error(
    design: str, readers: int, cases: int, studies: int
) -> None:
    model = Latent(effect={"quality": 0.5})
    pilot, theta = latent_pilot(model, QUALITY, cases=cases, shares_cases=design != "own cases")
    by_formula = power(pilot, readers=readers, cases=cases, delta=theta - 0.5).power
    drawn = simulated_power(Plan(design, readers, cases), model, QUALITY, seed=5, studies=studies)
    error = math.sqrt(by_formula * (1 - by_formula) / studies)
    assert abs(drawn.obuchowski_rockette - by_formula) < 3.5 * error
    # The primary test is a little more careful with few readers and cases.
    assert -0.1 - 3.5 * error < drawn.primary - by_formula < 3.5 * error


def test_without_a_difference_the_simulation_rejects_at_alpha() -> None:
    drawn = simulated_power(Plan("fully crossed", 6, 40), Latent(effect={}), QUALITY, seed=2, studies=600)
    assert 0.02 < drawn.primary < 0.09


def test_overlapping_blocks_share_their_anchors() -> None:
    plan = Plan("overlapping blocks", 6, 20, blocks=3, anchors=8)
    assert total_cases(plan) == 8 + 12 * 3
    studies = draw_studies(np.random.default_rng(1), plan, Latent(), QUALITY, 1)
    pie, other = studies.pie[0], studies.control[0]
    read = ~np.isnan(np.hstack([pie, other]))
    assert (read.sum(axis=1) == 20).all()
    assert sorted(set(read.sum(axis=0).tolist())) == [2, 6]
    assert (~np.isnan(pie)).sum(axis=1).tolist() == [10] * 6


def test_a_bounded_simulation_stops_and_says_so() -> None:
    plan = Plan("fully crossed", 6, 40)
    drawn = simulated_power(plan, Latent(), QUALITY, seed=1, studies=10**6, seconds=0.2)
    assert 20 <= drawn.studies < 10**6
    assert drawn.wanted == 10**6


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan("fully crossed", 1, 40), "at least 2 readers"),
        (Plan("half crossed", 4, 40), "expected a design"),
        (Plan("overlapping blocks", 4, 40, anchors=50), "as anchors"),
        (Plan("fully crossed", 4, 8, ratio=2), "at least 3 matched sets, 9 cases of a reader; got 8"),
        (Plan("fully crossed", 4, 40, ratio=1, correlation=1.5), "a correlation from 0 to 1"),
    ],
)
def test_impossible_plans_are_refused(plan: Plan, words: str) -> None:
    with pytest.raises(StatsError, match=words):
        outlook(plan, Assumptions())


def test_fewest_cases_stand_on_the_curve() -> None:
    found = outlook(Plan("fully crossed", 6, 40), Assumptions(effect=0.7))
    for readers, cases in found.fewest:
        at = dict(zip(CASES, found.curves[readers], strict=True))
        if cases is None:
            assert max(at.values()) < 0.8
        else:
            assert at[cases] >= 0.8
            assert all(value < 0.8 for other, value in at.items() if other < cases)


def test_matched_sets_are_drawn_whole_and_their_theta_is_that_within_sets() -> None:
    plan, model = Plan("own cases", 3, 60, ratio=2, correlation=0.5), Latent(effect={"quality": 0.8})
    studies = draw_studies(np.random.default_rng(4), plan, model, QUALITY, 150)
    assert studies.pie.shape == (150, 3, 60)
    assert studies.control.shape == (150, 3, 120)
    read = ~np.isnan(studies.control.reshape(150, 3, 60, 2)).any(axis=0)
    assert (read.all(axis=2) == ~np.isnan(studies.pie).any(axis=0)).all()
    assert read.all(axis=2).sum(axis=1).tolist() == [20] * 3
    thetas = theta_set(studies).estimate
    cell = Cell("one", effect=0.8, ratio=2, correlation=0.5)
    error = float(thetas.std(ddof=1)) / 150**0.5
    assert float(thetas.mean()) == pytest.approx(exact_theta(cell), abs=4 * error)
    assert outlook(plan, Assumptions(effect=0.8)).theta == pytest.approx(exact_theta(cell), abs=1e-3)


def test_matching_that_matters_and_more_controls_give_power() -> None:
    model = Latent(effect={"quality": 0.45})

    def found(cases: int, ratio: int, correlation: float) -> float:
        plan = Plan("fully crossed", 6, cases, ratio=ratio, correlation=correlation)
        return simulated_power(plan, model, QUALITY, seed=3, studies=400).primary

    alike, unlike, more = found(40, 1, 0.8), found(40, 1, 0.0), found(60, 2, 0.8)
    # Monte Carlo error of a difference of two shares of 400: .035.
    assert alike > unlike + 0.1
    assert more > alike + 0.02
    curves = outlook(Plan("fully crossed", 6, 40, ratio=1, correlation=0.8), Assumptions(effect=0.45)).curves
    assert curves[6][CASES.index(40)] == pytest.approx(alike, abs=0.12)
    assert all(cases is None or cases % 2 == 0 for _, cases in outlook(Plan("fully crossed", 6, 40, ratio=1),
                                                                       Assumptions(effect=0.9)).fewest)  # fmt: skip


def test_a_margin_that_is_the_truth_is_found_kept_at_the_level_and_a_wide_one_nearly_always() -> None:
    model = Latent(effect={"quality": -0.5})
    below, above = answer_shares(model, QUALITY)
    truth = float((above - below) @ np.arange(5))
    plan = Plan("own cases", 6, 40)
    for aim, most in (("equivalence", 0.08), ("non-inferiority", 0.05)):
        kept = [
            simulated_power(plan, model, replace(QUALITY, aim=aim, margin=margin), seed=6, studies=400)
            for margin in (-truth, 3.5)
        ]
        assert kept[0].primary < most
        assert kept[1].primary > 0.99
        assert kept[0].obuchowski_rockette is None


@pytest.mark.parametrize("endpoint", [QUALITY, AGREE])
def test_shares_of_answers_are_those_of_drawn_readings(endpoint) -> None:
    model = Latent(effect={endpoint.name: 0.7}, reader=0.4, case=0.3, rest=0.6, reader_by_arm=0.2)
    rng = np.random.default_rng(3)
    is_pie = np.arange(60) % 2 == 0
    drawn = np.concatenate(
        [simulate_answers(rng, is_pie, 60, endpoint, model)[0][:, None] for _ in range(60)], axis=1
    )
    shares = answer_shares(model, endpoint)
    for arm, expected in zip((False, True), shares, strict=True):
        answers = drawn[:, :, is_pie == arm]
        seen = [float((answers == level).mean()) for level in endpoint.values]
        # 60 draws of 60 readers and 30 cases each.
        assert seen == pytest.approx(expected.tolist(), abs=0.015)
        assert sum(expected) == pytest.approx(1)
    assert not np.allclose(*shares)


def test_theta_follows_from_the_shares_where_nothing_is_shared() -> None:
    """Two answers of one reader share the reader alone; without that variance theta is that of the shares."""
    model = Latent(effect={"quality": 0.5}, reader=0.0, reader_by_arm=0.0)
    unchanged, changed = answer_shares(model, QUALITY)
    wins = sum(changed[i] * (unchanged[:i].sum() + unchanged[i] / 2) for i in range(5))
    assert latent_pilot(model, QUALITY, cases=40)[1] == pytest.approx(wins, abs=1e-6)


def test_a_difference_is_told_in_answers() -> None:
    _, plain = effect_in_answers(Assumptions(effect=0.0), 0.5)
    assert all(comparison == pytest.approx(interest) for _, comparison, interest in plain)
    assert [label for label, *_ in plain] == ["poor", "fair", "average", "good", "excellent"]
    sentence, (_, (_, comparison, interest)) = effect_in_answers(
        Assumptions(endpoint=AGREE, effect=-0.6), 0.4
    )
    assert sentence.startswith(
        f"Of 100 answers to images for comparison {comparison:.0f} are \u201cyes\u201d, of 100 to images of "
        f"interest {interest:.0f}. "
    )
    assert interest < comparison
    assert "the one of interest gets the higher answer in 40 " in sentence


@pytest.mark.parametrize(
    ("multiplicity", "number", "words", "level"),
    [
        ("holm", 3, "3 endpoints are tested by Holm's rule", 0.05 / 3),
        ("holm", 3, "0.05 / 3 = 0.0167", 0.05 / 3),
        ("holm", 1, "planned for alone, at 0.05.", 0.05),
        ("none", 3, "planned for alone, at 0.05.", 0.05),
        ("fixed sequence", 2, "each at 0.05, and the first without a verdict ends it", 0.05),
    ],
)
def test_the_level_follows_from_the_declared_endpoints(
    multiplicity: str, number: int, words: str, level: float
) -> None:
    assumed = Assumptions(multiplicity=multiplicity, tested=PAPER[:number])
    assert words in several_in_words(assumed)
    assert assumed.level == pytest.approx(level)


def test_several_endpoints_are_decided_less_often_than_each_alone_and_by_the_rule_of_the_protocol() -> None:
    plan, three = Plan("fully crossed", 6, 40), (QUALITY, DIFFICULTY, AGREE)
    found = {}
    for rule in ("holm", "fixed sequence"):
        assumed = Assumptions(effect=0.6, multiplicity=rule, tested=three)
        found[rule] = with_simulation(outlook(plan, assumed), assumed, studies=300).together
        assert [each.endpoint for each in found[rule]] == list(three)
        for each in found[rule]:
            assert max(each.apart, each.alike) <= each.alone + 0.06  # Monte Carlo error of shares of 300
        assert found[rule][0].alone == pytest.approx(
            outlook(plan, replace(assumed, tested=())).own.power, abs=0.12
        )
    strictest = outlook(plan, Assumptions(effect=0.6, multiplicity="holm", tested=three)).own.power
    assert found["holm"][0].apart > strictest - 0.1
    # The first of a sequence is tested as if it stood alone; the last needs both before it, unless all go together.
    first, _, last = found["fixed sequence"]
    assert first.apart == pytest.approx(first.alone, abs=0.06)
    assert last.apart < last.alone * first.alone
    assert last.alike > last.apart + 0.1


def test_what_is_assumed_is_varied_by_half_and_twice_and_drawn() -> None:
    plan, assumed = Plan("fully crossed", 6, 40), Assumptions()
    found = outlook(plan, assumed)
    for name, ends in found.varied.items():
        for times, power_there in zip((0.5, 2.0), ends, strict=True):
            other = replace(assumed, **{name: times * getattr(assumed, name)})
            assert power_there == pytest.approx(outlook(plan, other).own.power)
    assert found.varied["effect"][0] < found.own.power < found.varied["effect"][1]
    drawn = pictures(found, 0.8)
    assert set(drawn) == {"power", "sensitivity"}
    assert all(
        label in render(drawn["sensitivity"]).decode()
        for label in ("Difference to find", "Variance of cases")
    )
    blocks = outlook(Plan("overlapping blocks", 4, 20), assumed)
    assert not blocks.varied
    simulated = with_simulation(blocks, assumed, studies=20).varied
    assert simulated["effect"][0] < simulated["effect"][1]


def test_the_smallest_design_has_the_fewest_readings() -> None:
    found = outlook(Plan("fully crossed", 6, 40), Assumptions(effect=0.6, reader_by_arm=0.15))
    readers, cases = found.smallest
    assert readers > min(n for n, each in found.fewest if each)  # or this test shows nothing
    assert (readers, cases) in found.fewest
    assert all(readers * cases <= n * each for n, each in found.fewest if each)
    assert f"{readers} readers with {cases} cases each, {readers * cases} readings" in smallest_in_words(
        found, 0.8
    )
    none = outlook(Plan("fully crossed", 6, 40), Assumptions(effect=0.05))
    assert none.smallest is None
    assert "None of these numbers of readers" in smallest_in_words(none, 0.8)


@pytest.mark.parametrize(("endpoint", "shared"), [(QUALITY, True), (AGREE, True), (QUALITY, False)])
def test_a_pilot_gives_back_the_variances_that_it_was_drawn_with(endpoint, shared: bool) -> None:
    model = Latent(effect={endpoint.name: 0.4}, reader=0.3, case=0.4, rest=0.6, reader_by_arm=0.3)
    study = simulate_study(
        seed=5, readers=12, cases=160 if shared else 60, design="crossed" if shared else "nested", model=model,
        endpoints=(endpoint,),
    )  # fmt: skip
    results = analyse(study, seed=1, draws=9, bootstraps=9, plan=analysis.Plan(endpoints=(endpoint,)))
    found = variances_of(results, endpoint)
    assert found["case"] + found["rest"] == pytest.approx(1, abs=1e-3)
    # Twelve readers tell the variance between readers within about 40 %.
    assert found["reader"] == pytest.approx(0.3, rel=0.7)
    assert 0.05 < found["reader_by_arm"] < 0.7
    assert found["case"] == pytest.approx(0.4 if shared else 0.5, abs=0.12)
    again = latent_pilot(Latent(**found), endpoint, cases=40)[0].readers
    assert again == pytest.approx(
        max(results.comparison(endpoint.name, "or_centred")["variance_readers"], 0), abs=1e-4
    )
    with pytest.raises(StatsError, match="give the variances by hand"):
        variances_of(results, DIFFICULTY)


def test_power_is_told_in_studies() -> None:
    plan, assumed = Plan("fully crossed", 6, 40), Assumptions()
    found = outlook(plan, assumed)
    share = round(100 * found.own.power)
    assert f"about {share} of 100 such studies find it" in result_in_words(found, assumed)
    assert f"and {100 - share} miss it" in result_in_words(found, assumed)
    blocks = outlook(Plan("overlapping blocks", 6, 40), assumed)
    assert "only a simulation" in result_in_words(blocks, assumed)


@pytest.mark.django_db
def test_page_explains_every_field_and_the_difference(stock: Stock, client: Client) -> None:
    client.force_login(stock.alice)
    page = client.get("/studies/chest/planning/")
    text = unescape(page.content.decode())
    form = page.context["form"]
    assert all(field.help_text in text for field in form)
    assert all(field.help_text for field in form)
    assert sorted(name for names in form.GROUPS.values() for name in names) == sorted(form.fields)
    assert page.context["meaning"] in text
    assert page.context["result"] in text
    assert "0.05 / 3 = 0.0167" in text
    assert initial_of(Protocol(alpha=0.01), 40)["alpha"] == 0.01


@pytest.mark.django_db
def test_page_shows_the_plan_of_the_protocol_and_simulates(stock: Stock, client: Client) -> None:
    client.force_login(stock.alice)
    page = client.get("/studies/chest/planning/")
    assert page.status_code == 200
    form, found = page.context["form"], page.context["found"]
    assert form.data["cases"] == 10
    # The stock study's cases are matched in pairs, so that only a simulation answers.
    assert (form.data["ratio"], found.plan.sets, found.own) == (1, 5, None)
    assert "this plan has 5 sets" in page.content.decode()
    unmatched = client.get("/studies/chest/planning/", {**form.data, "ratio": 0})
    form, found = unmatched.context["form"], unmatched.context["found"]
    assert found.own.power == pytest.approx(outlook(form.plan(), form.assumed()).own.power)
    query = {**form.data, "simulate": "on", "readers": 3, "effect": 1.0}
    again = client.get("/studies/chest/planning/", query)
    assert again.context["found"].simulated.studies >= 20
    assert len(again.context["found"].together) == 3
    for name in ("power", "sensitivity"):
        picture = client.get(f"/studies/chest/planning/{name}.svg", query)
        assert picture["Content-Type"] == "image/svg+xml"
        assert picture.content.startswith(b"<?xml")
    assert client.get("/studies/chest/planning/other.svg", query).status_code == 404


def test_command_tells_formula_and_simulation_and_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command(
        "plan_study",
        "--readers",
        "6",
        "--cases",
        "40",
        "--studies",
        "30",
        "--out",
        str(tmp_path / "power.svg"),
    )
    told = capsys.readouterr().out
    assert "power by formula" in told
    assert "30 studies" in told
    assert "Of 100 answers to images for comparison" in told
    assert "of 100 such studies find it" in told
    for name in ("power.svg", "power-sensitivity.svg"):
        assert (tmp_path / name).read_bytes().startswith(b"<?xml")


def test_command_plans_matched_sets_and_margins(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("plan_study", "--cases", "60", "--ratio", "2", "--studies", "20")
    told = capsys.readouterr().out
    assert "20 matched sets of 1 and 2" in told
    assert "pairs of one of each of a matched set" in told
    assert "power 0.80 with 6 readers" in told
    assert "power by formula" not in told
    call_command("plan_study", "--aim", "equivalence", "--margin", "0.5", "--effect", "0", "--studies", "20")
    told = capsys.readouterr().out
    assert "of 100 such studies show equivalence with a margin of 0.5 points" in told
    assert "power by formula" not in told
    call_command("plan_study", "--tested", "agree", "quality", "difficulty", "--studies", "0")
    told = capsys.readouterr().out
    assert "(p below 0.0166667)" in told
    assert "3 endpoints are tested by Holm's rule" in told
    assert "The fewest readings with a power of 0.8" in told
    assert re.search(r"with effect +0\.\d{3} at half of it", told)
    strict = outlook(Plan("fully crossed", 6, 40), Assumptions(alpha=0.05 / 3)).own
    assert strict is not None
    assert f"power by formula     {strict.power:.3f}" in told
    with pytest.raises(CommandError, match="expected quality among them, got agree"):
        call_command("plan_study", "--tested", "agree")
    with pytest.raises(CommandError, match="a margin above 0"):
        call_command("plan_study", "--aim", "equivalence", "--studies", "20")
