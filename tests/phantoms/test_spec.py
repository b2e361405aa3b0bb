"""The specification refuses nonsense and has one name."""

from dataclasses import replace

import pytest

from analysis.phantoms import FaultRates, PhantomError, PhantomSpec


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"seed": -1}, "seed: expected a whole number"),
        ({"seed": 1.5}, "seed: expected a whole number"),
        ({"train": 19}, "train: expected at least 20 images, got 19"),
        ({"test": 0}, "test: expected at least 20 images, got 0"),
        ({"val": 5}, r"val: expected at least 20 images \(or 0\), got 5"),
        ({"train": 300_000}, "expected at most 200000 images"),
        ({"rows": 8}, "rows: expected a whole number from 16 to 8192, got 8"),
        ({"columns": 9000}, "columns: expected a whole number from 16 to 8192, got 9000"),
    ],
)
def test_a_bad_choice_is_named(choices: dict[str, int], message: str) -> None:
    with pytest.raises(PhantomError, match=message):
        PhantomSpec(**choices)


@pytest.mark.parametrize("rate", [-0.1, 0.6, "much"])
def test_a_bad_rate_is_named(rate: object) -> None:
    with pytest.raises(PhantomError, match=r"fault rate low_quality: expected a share from 0 to 0\.5"):
        FaultRates(low_quality=rate)


def test_every_choice_is_part_of_the_digest() -> None:
    spec = PhantomSpec()
    others = [
        replace(spec, seed=1), replace(spec, train=1501), replace(spec, val=0), replace(spec, test=401),
        replace(spec, rows=128), replace(spec, columns=128), replace(spec, side_markers=False),
        replace(spec, train_faults=FaultRates(0.1)), replace(spec, test_faults=FaultRates(0.1)),
    ]  # fmt: skip
    assert len({one.digest for one in (spec, *others)}) == 10
    assert PhantomSpec().digest == spec.digest
