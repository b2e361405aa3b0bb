"""Sex, view, age and numbers as others write them."""

import pytest

from analysis.vocabulary import age, decimal, is_prior, role, sex, view


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("58", 58), ("058Y", 58), ("058y", 58), ("58.5", 58.5), ("58,5", 58.5), (" 58 Y ", 58), ("011M", 0.9),
        ("011m", 0.9), ("026W", 0.5), ("073D", 0.2), ("000D", 0), ("0", 0), ("130", 130), ("1560M", 130),
        ("131", None), ("414", None), ("-1", None), ("1570M", None), ("", None), ("Y", None), ("58 years", None),
        ("5Y8", None), ("58YY", None), ("1,024", None), ("1e400", None), ("nan", None), ("\u0665\u0668", None),
        ("58;", None), ("12 13", None),
    ],
)  # fmt: skip
def test_age(text: str, years: float | None) -> None:
    assert age(text) == years


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1024.5", 1024.5), ("1024,5", 1024.5), ("-600,25", -600.25), ("1,5e3", 1500), (".5", 0.5), ("5.", 5),
        ("0,024", 0.024), ("+7", 7), ("1,024", None), ("-1,024", None), ("1.024,5", None), ("1,2,3", None),
        ("5,", None), (",5", None), ("e5", None), ("inf", None), ("1_000", None), ("0x1", None), ("", None),
    ],
)  # fmt: skip
def test_decimal(text: str, number: float | None) -> None:
    assert decimal(text) == number


def test_sex_is_never_a_first_letter() -> None:
    assert [sex(word) for word in ("F", "m", " O ", "Female", "MALE", "other")] == [
        "F",
        "M",
        "O",
        "F",
        "M",
        "O",
    ]
    words = ("Mujer", "Hombre", "Frau", "Maschio", "Unknown", "U", "W", "FM", "", "0")
    assert [sex(word) for word in words] == [None] * len(words)


def test_view_is_one_of_three() -> None:
    words = {"pa": "PA", "AP": "AP", "LL": "LATERAL", "rl": "LATERAL", "Lateral": "LATERAL",
             "POSTEROANTERIOR": "PA", "ANTEROPOSTERIOR": "AP"}  # fmt: skip
    assert {word: view(word) for word in words} == words
    outside = ("XTABLE LATERAL", "AP AXIAL", "LLD", "L", "PAX", "SWIMMERS", "P", "")
    assert [view(word) for word in outside] == [None] * len(outside)


def test_roles_are_written_alike_and_a_prior_is_told_however_it_is_joined() -> None:
    assert [role(text) for text in (" pa ", "rl", "prior pa", "L-cc")] == [
        "PA",
        "LATERAL",
        "PRIOR PA",
        "L-CC",
    ]
    assert all(map(is_prior, ("PRIOR", "prior pa", "PRIOR_PA", "PRIOR1", "pa/Prior", "previous")))
    assert not any(map(is_prior, ("PA", "PRIORITY", "", "CURRENT")))
