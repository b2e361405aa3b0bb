"""As test_every_number.py, for the data of other projects, which lie outside the repository."""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.stats import check, read_ratings
from analysis.stats.agreement import (
    Interval,
    coincidences,
    fleiss_kappa,
    icc,
    krippendorff_alpha,
    level_counts,
    weighted_kappa,
)
from analysis.stats.covariance import delong_variance, reader_thetas, unbiased
from analysis.stats.grid import Grid
from analysis.stats.mixed import fit_cumulative_logit
from analysis.stats.obuchowski_rockette import components
from analysis.stats.planning import Pilot, power
from analysis.stats.rows import plain_interval, two_sided_p
from analysis.stats.ustatistic import u_statistic
from tests.stats import synthetic_numbers as synthetic
from tests.stats.reference_book import Mine, compare, hold
from tests.stats.synthetic_numbers import BY_MRMCAOV
from tests.stats.test_outside_reference import imrmc_r1, load, path, van_dyke

pytestmark = [pytest.mark.outside_reference]

TWO_TESTS = "comparison of two tests (modalities): here the two arms are compared within one"
Mines = synthetic.Mines


def van_dyke_tests(case: str = "case") -> dict[str, Any]:
    return {test: van_dyke(test, case) for test in ("1", "2")}


@pytest.mark.parametrize("kind", ["jackknife", "DeLong", "unbiased"])
def test_mrmcaov_on_van_dyke(kind: str) -> None:
    document = load("mrmc/MRMCaov_VanDyke.json")
    for model in ("RRRC", "FRRC"):
        left_out = {"vcov_comps/*": TWO_TESTS, "test_equality/*": TWO_TESTS, "*/row": "a number of a row"}
        if model == "RRRC":
            left_out["test_diffs/*"] = TWO_TESTS
        mine = _single_tests(kind, model) | _matrix(kind)
        if model == "FRRC":
            mine |= _differences(kind)
        hold(compare(document[f"{model}_{kind}"], mine, left_out), at_least=100)


def _single_tests(kind: str, model: str, scale: float = 1.0) -> Mines:
    found: Mines = {}
    for test, (pie, control) in van_dyke_tests().items():
        thetas, covariance = reader_thetas(pie, control), BY_MRMCAOV[kind.lower()](pie, control)
        assert covariance is not None
        covariance = scale * covariance
        parts = components(thetas, covariance, shares_cases=True)
        for r, theta in enumerate(thetas):
            found["aucs", f"{test}|{r + 1}", "empirical_auc"] = Mine(float(theta))
            variance = float(covariance[r, r])
            low, high = plain_interval(float(theta), variance, None)
            row = {"empirical_auc": float(theta), "StdErr": math.sqrt(variance)} | _ends(low, high)
            found |= {("reader_means", f"{test}|{r + 1}", key): Mine(value) for key, value in row.items()}
        variance, df = (
            (parts.variance_random, parts.df_random) if model == "RRRC" else (parts.variance_fixed, None)
        )
        low, high = plain_interval(parts.mean, variance, df)
        values = {"Estimate": parts.mean, "MS(R)": parts.ms_readers, "Cov2": parts.between, "df": df,
                  "Var(Error)": parts.error, "StdErr": math.sqrt(variance)} | _ends(low, high)  # fmt: skip
        # MRMCaov names these rows by their number, which is the test's.
        found |= {("test_means", str(int(test) - 1), key): Mine(value) for key, value in values.items()}
    return found


def _ends(low: float, high: float) -> dict[str, float]:
    """An interval cut to what an area can be."""
    return {"CI.Lower": max(low, 0.0), "CI.Upper": min(high, 1.0)}


def _stacked(kind: str) -> Any:
    """Both tests' readers as readers of the same cases, in the order of MRMCaov (test by test)."""
    tests = van_dyke_tests()
    arms = [np.vstack([tests[test][arm] for test in ("1", "2")]) for arm in (0, 1)]
    return reader_thetas(*arms), BY_MRMCAOV[kind.lower()](*arms)


def _matrix(kind: str) -> Mines:
    covariance = _stacked(kind)[1]
    n = len(covariance)
    return {("cov_matrix", str(i), str(j)): Mine(float(covariance[i, j])) for i in range(n) for j in range(n)}


def _differences(kind: str) -> Mines:
    thetas, covariance = _stacked(kind)
    n = len(thetas) // 2
    contrasts = {("reader_test_diffs", str(r + 1)): np.eye(n)[r] for r in range(n)}
    contrasts["test_diffs", "0"] = np.full(n, 1 / n)
    found: Mines = {}
    for place, one in contrasts.items():
        contrast = np.concatenate([one, -one])
        estimate, variance = float(contrast @ thetas), float(contrast @ covariance @ contrast)
        low, high = plain_interval(estimate, variance, None)
        values = {"Estimate": estimate, "StdErr": math.sqrt(variance), "z": estimate / math.sqrt(variance),
                  "p-value": two_sided_p(estimate, 0.0, variance, None), "CI.Lower": low, "CI.Upper": high}  # fmt: skip
        found |= {(*place, key): Mine(value, rel=1e-8) for key, value in values.items()}
    return found


def test_mrmcaov_on_van_dyke_with_fixed_cases() -> None:
    mine: Mines = {}
    for test, (pie, control) in van_dyke_tests().items():
        thetas = reader_thetas(pie, control)
        mine |= {("aucs", f"{test}|{r + 1}", "empirical_auc"): Mine(float(t)) for r, t in enumerate(thetas)}
        at = ("test_means", str(int(test) - 1))
        mine |= {
            (*at, "Estimate"): Mine(float(thetas.mean())),
            (*at, "MS(R)"): Mine(float(thetas.var(ddof=1))),
        }
    left_out = {"test_*": "cases taken as fixed: not offered, cases are random here"}
    hold(compare(load("mrmc/MRMCaov_VanDyke.json")["RRFC"], mine, left_out), at_least=14)


@pytest.mark.parametrize("kind", ["jackknife", "unbiased"])
def test_mrmcaov_on_van_dyke_with_nested_cases(kind: str) -> None:
    document = load("mrmc/MRMCaov_VanDyke_nested.json")
    left_out = {"vcov_comps/*": TWO_TESTS, "test_equality/*": TWO_TESTS, "test_diffs/*": TWO_TESTS}
    # Nested in tests: within one test as if crossed. Nested in readers: readers share no case.
    # MRMCaov's jackknife counts the cases of both tests in its factor (n - 1) / n.
    scale = (227 / 228) / (113 / 114) if kind == "jackknife" else 1.0
    crossed = _single_tests(kind, "RRRC", scale) | _blocks(kind, scale)
    hold(compare(document[f"case3_nested_in_test_RRRC_{kind}"], crossed, left_out), at_least=100)
    nested: Mines = {}
    for test, (pie, control) in van_dyke_tests("case2").items():
        thetas, covariance = reader_thetas(pie, control), BY_MRMCAOV[kind](pie, control)
        assert covariance is not None
        parts = components(thetas, covariance, shares_cases=False)
        low, high = plain_interval(parts.mean, parts.variance_random, parts.df_random)
        values = {"Estimate": parts.mean, "MS(R)": parts.ms_readers, "Cov2": parts.between, "df": parts.df_random,
                  "StdErr": math.sqrt(parts.variance_random)} | _ends(low, high)  # fmt: skip
        nested |= {("test_means", str(int(test) - 1), key): Mine(value) for key, value in values.items()}
        nested |= {("aucs", f"{test}|{r + 1}", "empirical_auc"): Mine(float(t)) for r, t in enumerate(thetas)}
    left_out["cov_matrix/*"] = "covariances between tests of cases nested in readers: no such design here"
    hold(compare(document[f"case2_nested_in_reader_RRRC_{kind}"], nested, left_out), at_least=24)


def _blocks(kind: str, scale: float) -> Mines:
    """The matrix where tests share no case: a block for each test."""
    found: Mines = {}
    for place in itertools.product(range(10), range(10)):
        found["cov_matrix", str(place[0]), str(place[1])] = Mine(0.0)
    for test, (pie, control) in van_dyke_tests("case3").items():
        covariance, start = BY_MRMCAOV[kind](pie, control), 5 * (int(test) - 1)
        assert covariance is not None
        for i, j in itertools.product(range(5), range(5)):
            found["cov_matrix", str(start + i), str(start + j)] = Mine(scale * float(covariance[i, j]))
    return found


def test_imrmc_on_van_dyke() -> None:
    mine: Mines = {}
    for test, modality in (("1", "m1"), ("2", "m2")):
        mine |= _imrmc(modality, *van_dyke(test))
    left_out = synthetic.LEFT_OUT | {"iMRMC/Ustat/m1|m2/*": TWO_TESTS, "iMRMC/perReader/m1|m2*": TWO_TESTS}
    hold(compare({"iMRMC": load("mrmc/iMRMC_VanDyke.json")}, mine, left_out), at_least=80)


def _imrmc(modality: str, pie: Any, control: Any) -> Mines:
    readers = tuple(f"r{r + 1}" for r in range(len(pie)))
    n = pie.shape[1] + control.shape[1]
    names = tuple(map(str, range(n)))
    arms = (names[: pie.shape[1]], names[pie.shape[1] :])
    return synthetic.imrmc(
        Grid(modality, readers, *arms, pie, control, (), np.zeros(n, dtype=int), ("",) * n)
    )


def test_the_java_program_on_r1() -> None:
    # It prints nine significant digits; variances of readers and p-values with eight decimals.
    pie, control = imrmc_r1()
    u = u_statistic(pie, control, center=False)
    own, thetas = unbiased(pie, control), reader_thetas(pie, control)
    mine: Mines = {}
    for r, theta in enumerate(thetas):
        counts = [int((~np.isnan(arm[r])).sum()) for arm in (pie, control)]
        values = {"AUCA": float(theta), "varAUCA": float(own[r, r]), "N1": counts[0], "N0": counts[1]}
        mine |= {
            ("perReader", f"reader{r + 1}", key): Mine(v, rel=1e-8, abs=5.1e-9) for key, v in values.items()
        }
        assert delong_variance(pie[r], control[r]) is not None
    for table, variance, df in (("Ustat", u.variance, u.df), ("MLEstat", u.variance_v, u.df_v)):
        mine |= _java_summary(table, pie, control, u.estimate, variance, df)
    left_out = {"*/date": "a date", "varDecomp/*": synthetic.MOMENTS}
    hold(compare(load("mrmc/iMRMC_java_target_R1.json"), mine, left_out), at_least=45)


def _java_summary(table: str, pie: Any, control: Any, estimate: float, variance: float, df: float) -> Mines:
    n1, n0 = (int((~np.isnan(arm)).any(axis=0).sum()) for arm in (pie, control))
    values = {"AUCA": estimate, "varAUCA": variance, "dfBDG": df, "NR": len(pie), "N1": n1, "N0": n0}
    # For its interval the program cuts the degrees of freedom to a whole number, and takes the normal distribution
    # from 50 on; nothing here does.
    for kind, freedom in (("normal", None), ("BDG", math.floor(df) if df < 50 else None)):
        low, high = plain_interval(estimate, variance, freedom)
        word = kind.replace("n", "N", 1)
        p = two_sided_p(estimate, 0.5, variance, freedom)
        values |= {
            f"botCI{kind}": low,
            f"topCI{kind}": high,
            f"pValue{word}": p,
            f"reject{word}": float(p < 0.05),
        }
    return {(table, "0", key): Mine(value, rel=1e-8, abs=5.1e-9) for key, value in values.items()}


def test_agreement_of_published_tables() -> None:
    table = pd.read_csv(path("agreement/krippendorff_canonical.csv"), index_col=0).T.to_numpy(dtype=float)
    levels = np.array([1.0, 2, 3, 4, 5])
    total = coincidences(level_counts(table, levels)).sum(axis=0)
    alphas = {
        ("values", metric): Mine(float(krippendorff_alpha(total, levels, metric)))
        for metric in ("nominal", "ordinal", "interval", "ratio")
    }
    hold(compare(load("agreement/krippendorff_canonical.json"), alphas, {}), at_least=4)
    diagnoses = pd.read_csv(path("agreement/fleiss1971_diagnoses.csv")).to_numpy(dtype=float)
    wikipedia = pd.read_csv(path("agreement/fleiss_wikipedia_counts.csv")).to_numpy(dtype=float)
    kappas: Mines = {}
    for name, counts in (
        ("diagnoses", level_counts(diagnoses, np.unique(diagnoses))),
        ("wikipedia", wikipedia),
    ):
        fleiss = fleiss_kappa(counts)
        assert fleiss is not None
        values = {"kappa": fleiss.kappa, "z": fleiss.z, "se0": fleiss.kappa / fleiss.z}
        kappas |= {(name, key): Mine(value) for key, value in values.items()}
    hold(compare(load("agreement/fleiss.json"), kappas, {}), at_least=5)


def test_icc_of_shrout_and_fleiss() -> None:
    table = pd.read_csv(path("agreement/shrout_fleiss_1979.csv"), index_col=0).to_numpy(dtype=float)
    both = icc(table)
    assert both is not None
    mine: Mines = {}
    names = {"ICC2": ("ICC21", "lo", "hi"), "ICC2k": ("ICC2k", "lo_k", "hi_k")}
    full: Mines = {}
    for kind, interval in zip(names, both, strict=True):
        assert isinstance(interval, Interval)
        values = (interval.value, interval.low, interval.high)
        printed = zip(("ICC", "lower bound", "upper bound"), values, strict=True)
        mine |= {("results", kind, key): Mine(value) for key, value in printed}
        full |= {(key,): Mine(value) for key, value in zip(names[kind], values, strict=True)}
    left_out = {"results/ICC[13]*": synthetic.OTHER_ICC, "results/*/[Fp]": synthetic.OTHER_ICC,
                "results/*/df[12]": synthetic.OTHER_ICC}  # fmt: skip
    hold(compare(load("agreement/shrout_fleiss_1979_psychICC.json"), mine, left_out), at_least=6)
    squares = {"*": "mean squares behind an ICC that is compared itself"}
    hold(compare(load("agreement/shrout_fleiss_icc2_fullprecision.json"), full, squares), at_least=6)


def test_weighted_kappa_of_anxiety() -> None:
    table = pd.read_csv(path("agreement/irr_anxiety.csv"))[["rater2", "rater3"]].to_numpy(dtype=float)
    # R's irr spaces the levels by rank among those used.
    ranks = np.searchsorted(np.unique(table), table).astype(float)
    mine = {
        (name, weights, "kappa"): Mine(weighted_kappa(values[:, 0], values[:, 1], power=exponent))
        for name, values in (("r23", ranks), ("r23_full_1to6", table))
        for weights, exponent in (("linear", 1), ("quadratic", 2))
    }
    left_out = {"*/None/*": synthetic.UNWEIGHTED, "*": "normal-theory errors of kappa: not reported"}
    hold(compare(load("agreement/weighted_kappa_anxiety.json"), mine, left_out), at_least=4)


def test_ordinal_models_of_wine() -> None:
    table = pd.read_csv(path("agreement/wine.csv"))
    design = np.column_stack(
        [(table["temp"] == "warm").to_numpy(float), (table["contact"] == "yes").to_numpy(float)]
    )
    levels = table["rating"].to_numpy(dtype=int) - 1
    mine: Mines = {}
    for model, groups in (("clmm_laplace", ["judge"]), ("clmm_judge_bottle", ["judge", "bottle"])):
        fit = fit_cumulative_logit(levels, design, [pd.factorize(table[name])[0] for name in groups])
        assert fit.se is not None
        for k, term in enumerate(("tempwarm", "contactyes")):
            z = float(fit.coefficients[k] / fit.se[k])
            values = {"Estimate": float(fit.coefficients[k]), "Std. Error": float(fit.se[k]), "z value": z,
                      "Pr(>|z|)": two_sided_p(z, 0.0, 1.0, None)}  # fmt: skip
            for key, value in values.items():
                mine[model, "coef", term, key] = Mine(value, rel=3e-3 if key != "Pr(>|z|)" else 0.03)
        for k, threshold in enumerate(fit.thresholds):
            mine[model, "coef", f"{k + 1}|{k + 2}", "Estimate"] = Mine(float(threshold), rel=1e-3)
        parameters = 4 + 2 + len(groups)
        mine[model, "logLik"] = Mine(fit.log_likelihood, rel=0, abs=1e-5)
        mine[model, "AIC"] = Mine(2 * parameters - 2 * fit.log_likelihood, rel=0, abs=2e-5)
        for name, variance in zip(groups, fit.variances, strict=True):
            mine[model, "vc", name] = Mine(float(variance), rel=1e-3, abs=1e-6)
    left_out = {
        "clm/*": "without a random effect: not offered",
        "clmm_agq10/*": "ten quadrature points: not offered, Laplace is",
        "clmm_probit/*": "probit link: not offered",
        "*/coef/?|?/*": "errors of thresholds: not reported",
    }
    hold(compare(load("agreement/wine_clmm.json"), mine, left_out), at_least=25)


def test_published_power() -> None:
    # The two-test formula is the single-test one with the terms exchanged (see test_power).
    document = load("mrmc/RJafroc_power_reference.json")
    given = document["inputs"]
    pilot = Pilot(given["VarTR"], given["Var"] - given["Cov1"], given["Cov2"] - given["Cov3"], given["KStar"])
    mine: Mines = {}
    for k, case in enumerate(document["cases"]):
        mine |= {("cases", str(k), key): Mine(float(case[key])) for key in ("J", "K")}
        if case["option"] != "RRRC":
            continue
        ours = power(pilot, readers=case["J"], cases=case["K"], delta=given["effect"] / math.sqrt(2))
        limit = synthetic.stats.f.isf(0.05, 1, ours.df)
        values = {"power": ours.power, "ncp": ours.ncp, "df2": ours.df, "fcrit": float(limit)}
        # What goes in is printed with eight decimals.
        mine |= {("cases", str(k), key): Mine(value, rel=5e-8) for key, value in values.items()}
    left_out = {"inputs/*": "what went in", "franken/*": "its variances are not printed",
                "cases/*": "readers or cases fixed: not offered, both are random here"}  # fmt: skip
    hold(compare(document, mine, left_out), at_least=6)


DEGENERATE = ("all_identical", "empty_pie_arm", "one_case_per_arm", "one_constant_reader", "one_reader",
              "perfect_separation", "reader_missing_one_arm")  # fmt: skip


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_studies(name: str) -> None:
    """What can be estimated equals R; what R prints beyond, the policy for degenerate studies withholds."""
    checked = check(read_ratings(path(f"synthetic/G_degenerate_{name}.csv")))
    document = load(f"synthetic/G_degenerate_{name}_R_reference.json")
    mine = synthetic.pooled(checked.first) if name != "empty_pie_arm" else {}
    if name == "one_constant_reader":
        mine = synthetic.printed_by_r(checked)
    if name == "reader_missing_one_arm":
        # The reader without one arm is left out here; R's models keep the answers to the other.
        mine = synthetic.printed_by_r(checked)
        mine = {at: value for at, value in mine.items() if at[0] != "mixed" and at[-1] != "NR"}
    left_out = synthetic.LEFT_OUT | {
        "*": "not estimable by this project's degenerate policy (test_degenerate.py)"
    }
    hold(compare(document, mine, left_out), at_least=0 if name == "empty_pie_arm" else 6)


def test_no_file_is_forgotten() -> None:
    compared = {
        "agreement/fleiss.json", "agreement/krippendorff_canonical.json",
        "agreement/shrout_fleiss_1979_psychICC.json", "agreement/shrout_fleiss_icc2_fullprecision.json",
        "agreement/weighted_kappa_anxiety.json", "agreement/wine_clmm.json",
        "mrmc/MRMCaov_VanDyke.json", "mrmc/MRMCaov_VanDyke_nested.json", "mrmc/RJafroc_power_reference.json",
        "mrmc/iMRMC_VanDyke.json", "mrmc/iMRMC_java_target_R1.json",
        # Inputs of simulations, without results.
        "mrmc/roeMetzConfigs.json",
        # In test_every_number.py, which needs no folder.
        "synthetic/agreement.json", "synthetic/centred_kernel.json", "synthetic/summary.json",
        *(f"synthetic/{name}_R_reference.json" for name in synthetic.STUDIES),
        *(f"synthetic/G_degenerate_{name}_R_reference.json" for name in DEGENERATE),
    }  # fmt: skip
    root = path("README.md").parent
    assert {str(file.relative_to(root)) for file in root.rglob("*.json")} == compared
