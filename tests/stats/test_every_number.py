"""Every number of every reference file is compared, or left out for a reason written here."""

import json
from typing import Any

import pytest

from analysis.stats import check
from analysis.stats.ustatistic import u_statistic
from tests.stats import synthetic_numbers as synthetic
from tests.stats.reference_book import Mine, compare, hold, numbers
from tests.stats.reference_data import FOLDER, A, B, C, load, ratings


@pytest.mark.parametrize(("name", "at_least"), [(A, 400), (B, 400), (C, 200)])
def test_what_r_printed_for_a_study(name: str, at_least: int) -> None:
    left_out = dict(synthetic.LEFT_OUT)
    if name == C:
        left_out["uStat11/*"] = (
            "with missing answers uStat11 weights readers otherwise than the estimand here"
        )
    mine = synthetic.printed_by_r(check(ratings(name)))
    hold(compare(load(f"{name}_R_reference"), mine, left_out), at_least=at_least)


@pytest.mark.parametrize("name", [A, B, C])
def test_the_centred_estimator(name: str) -> None:
    checked = check(ratings(name))
    mine = {}
    for column, grid in synthetic.grids(checked, (*synthetic.QUESTIONS, "log_time")).items():
        for kind, kernel, null in (("auc", "win", 0.5), ("diff", "difference", 0.0)):
            u = u_statistic(grid.pie, grid.control, kernel=kernel)
            p = synthetic.two_sided_p(u.estimate, null, u.variance, u.df)
            values = {"est": u.estimate, "var": u.variance, "varb": u.variance_v, "df": u.df, "p": p}
            mine |= {(column, kind, key): Mine(value) for key, value in values.items()}
    hold(compare(load("centred_kernel")[name], mine, {}), at_least=40)


@pytest.mark.parametrize("name", [A, B, C])
def test_agreement(name: str) -> None:
    checked = check(ratings(name))
    mine = {
        (question, *place): value
        for question, grid in synthetic.grids(checked).items()
        for place, value in synthetic.agreement(checked, grid).items()
    }
    left_out = {
        "*/icc/MS?": "mean squares behind an ICC that is compared itself",
        "*/icc/df_v": "mean squares behind an ICC that is compared itself",
        "*/unweighted/kappa": synthetic.UNWEIGHTED,
        "*/intra_pooled/*/*": "normal-theory errors of kappa: not reported, pairs repeat within readers",
    }
    hold(compare(load("agreement")[name], mine, left_out), at_least=3 if name == B else 25)


def test_the_digest_repeats_the_files_that_are_compared() -> None:
    digest, wrong, seen = load("summary"), [], 0
    agreement = load("agreement")
    for name, questions in digest.items():
        path = FOLDER / f"{name}_R_reference.json"
        if not path.is_file():
            continue
        whole = dict(numbers(json.loads(path.read_text())))
        for question, parts in questions.items():
            for place, value in numbers(parts):
                seen += 1
                if origin(question, place, whole, agreement.get(name, {})) != value:
                    wrong.append((name, question, *place))
    print(f"{seen} numbers of the digest")
    assert wrong == []
    assert seen > 500


def origin(question: str, place: tuple[str, ...], whole: dict[Any, float], agreement: Any) -> float | None:
    head, *rest = place
    if head == "agreement":
        return dict(numbers(agreement.get(question, {}))).get(tuple(rest))
    if head.startswith("OR_"):
        model = "FRRC" if "FRRC" in head else "RRRC"
        root = (f"MRMCaov_{head.split('_')[-1]}", model)
        return whole.get((*root, "design") if rest == ["design"] else (*root, "test_means", question, *rest))
    if question == "log_time_lmer":
        return whole.get(("mixed", "log_time", *place))
    root = {
        "iMRMC": ("iMRMC", "Ustat", question),
        "stratified_wilcoxon_coin": ("stratified_wilcoxon", question),
    }
    return whole.get((*root.get(head, (head, question)), *rest))
