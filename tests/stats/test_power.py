"""Planning against the published two-test example and against simulation."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.stats import StatsError
from analysis.stats.planning import Pilot, Plan, power


def test_equals_the_published_two_test_power_when_its_terms_are_put_in():
    # Hillis, Obuchowski and Berbaum 2011, VanDyke pilot: the two-test formula is this one with VarTR for the
    # readers, Var - Cov1 for the error, Cov2 - Cov3 for the covariance and half the squared effect.
    pilot = Pilot(0.00020040252, 0.00080228827 - 0.00034661371, 0.00034407483 - 0.00023902837, 114)
    result = power(pilot, readers=10, cases=165, delta=-0.043800322 / math.sqrt(2))
    assert result.power == pytest.approx(0.805419947, abs=5e-9)
    # The published inputs are rounded to eight digits.
    assert (result.ncp, result.df) == pytest.approx((8.209597033, 62.70727971), rel=1e-7)


def test_nested_design_has_readers_minus_one_degrees_of_freedom_whatever_the_cases():
    pilot = Pilot(0.001, 0.008, 0.0, 40)
    assert power(pilot, readers=6, cases=40, delta=0.1).df == pytest.approx(5)
    assert power(pilot, readers=6, cases=4000, delta=0.1).df == pytest.approx(5)


def test_without_a_difference_power_is_alpha():
    assert power(Pilot(0.001, 0.008, 0.002, 40), readers=6, cases=40, delta=0.0).power == pytest.approx(0.05)


@given(st.integers(2, 20), st.integers(10, 400), st.floats(0.02, 0.3))
def test_more_readers_or_a_larger_difference_never_harm(readers, cases, delta):
    pilot = Pilot(0.001, 0.008, 0.002, 40)
    base = power(pilot, readers=readers, cases=cases, delta=delta).power
    assert power(pilot, readers=readers + 1, cases=cases, delta=delta).power >= base - 1e-9
    assert power(pilot, readers=readers, cases=cases, delta=delta + 0.05).power >= base - 1e-9


def test_a_design_that_no_lock_takes_has_no_power():
    """A verdict needs 3 cases of either group: a lock asks that of every reader."""
    Plan("fully crossed", 2, 6).check()
    with pytest.raises(StatsError, match="expected at least 2 readers and 6 cases, got 2 and 5"):
        Plan("fully crossed", 2, 5).check()


def test_nonsense_is_refused():
    with pytest.raises(StatsError, match="at least 2 readers"):
        power(Pilot(0.001, 0.008, 0.002, 40), readers=1, cases=40, delta=0.1)
    with pytest.raises(StatsError, match="more than 0"):
        power(Pilot(0.0, 0.0, 0.0, 40), readers=3, cases=40, delta=0.1)
