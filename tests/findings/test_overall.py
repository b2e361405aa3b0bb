import math

import pytest

from analysis.findings.overall import first_significant_drop, overall_impact
from analysis.findings.precision import FindingsError, read_precision
from analysis.metrics.multiplicity import holm
from tests.findings.toys import metrics

HALF_DROPS = {"A": [[0.5, 0.4, 0.1], [0.6, 0.4, 0.19], [0.7, 0.4, 0.28]]}


def rows_of(ap, sparsities):
    return overall_impact(read_precision(metrics(ap, sparsities), list(ap)))


def test_paired_and_welch_tests_equal_the_hand_result() -> None:
    row = rows_of(HALF_DROPS, [0.0, 0.5, 0.9])[1]
    # Changes -0.1, -0.2, -0.3: mean -0.2, sd 0.1, t = -sqrt(12) with 2 degrees of freedom.
    assert row["change"] == pytest.approx(-0.2)
    assert row["p_paired"] == pytest.approx(1 - math.sqrt(12 / 14))
    assert row["change_high"] == pytest.approx(-0.2 + 4.302652729911275 * 0.1 / math.sqrt(3))
    # The pruned do not vary, so Welch's test has 2 degrees of freedom and the spread of the dense alone.
    assert row["p_welch"] == pytest.approx(1 - math.sqrt(12 / 14))
    assert row["relative_change"] == pytest.approx(-1 / 3)


def test_mean_is_over_classes_and_leaves_out_those_without_ap() -> None:
    ap = {"A": [[0.2, 0.1], [0.4, 0.3]], "B": [[0.6, 0.5], [0.8, 0.7]], "C": [[None, None], [None, None]]}
    rows = rows_of(ap, [0.0, 0.5])
    assert [row["map_mean"] for row in rows] == pytest.approx([0.5, 0.4])
    assert rows[1]["p_paired"] is None
    assert "the change is the same in all seeds" in rows[1]["note"]
    assert rows[1]["p_welch"] is not None


def drop(p_values, changes, test="paired"):
    rows = [{"sparsity": 0.0}]
    rows += [
        {"sparsity": (k + 1) / 10, f"p_{test}_holm": p, "change": change}
        for k, (p, change) in enumerate(zip(p_values, changes, strict=True))
    ]
    return first_significant_drop(rows, test)


def test_largest_sparsity_before_the_first_drop() -> None:
    found = drop([0.5, 0.01, 0.2, 0.001], [-0.1] * 4)
    assert (found["first_drop"], found["largest_before"], found["note"]) == (0.2, 0.1, "")
    assert drop([0.01], [-0.1], "welch")["largest_before"] == 0


def test_a_significant_rise_is_no_drop_and_what_is_not_estimable_is_said() -> None:
    found = drop([0.01, None], [0.1, -0.3])
    assert (found["first_drop"], found["largest_before"]) == (None, 0.2)
    assert found["note"] == "no significant drop at any sparsity; no p-value at 0.20"


def test_one_seed_has_no_test() -> None:
    rows = rows_of({"A": [[0.5, 0.2]]}, [0.0, 0.9])
    assert rows[1]["p_paired"] is rows[1]["change_low"] is None
    found = first_significant_drop(rows, "paired")
    assert found["largest_before"] is None
    assert found["note"].startswith("not estimable")


def test_holm_counts_what_is_not_estimable() -> None:
    assert holm([0.01, None, 0.03]) == pytest.approx([0.03, None, 0.06], nan_ok=False)
    assert holm([0.02, 0.01, 0.9, 0.5]) == pytest.approx([0.06, 0.04, 1.0, 1.0])


@pytest.mark.parametrize(
    ("ap", "sparsities", "words"),
    [
        ({"A": [[0.5, 0.4]]}, [0.1, 0.2], "rows of sparsity 0"),
        ({"A": [[0.5]]}, [0.0], "at least one above it"),
        ({"A": [[None, None]]}, [0.0, 0.5], "at least one class with an average precision"),
    ],
)
def test_refuses_what_cannot_be_compared(ap, sparsities, words) -> None:
    with pytest.raises(FindingsError, match=words):
        rows_of(ap, sparsities)


def test_names_the_row_that_is_absent() -> None:
    frame = metrics(HALF_DROPS, [0.0, 0.5, 0.9]).drop(index=4)
    with pytest.raises(FindingsError, match=r"1 are absent; the first: seed 1, condition 0\.50, class 'A'"):
        read_precision(frame, ["A"])
    with pytest.raises(FindingsError, match=r"classes\.csv only, got A"):
        read_precision(frame, ["B"])
