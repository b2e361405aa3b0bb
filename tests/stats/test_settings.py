"""A results.json gives its settings back; one that cannot be carried out is refused with the setting's name."""

import json

import pytest

from analysis.endpoints import PAPER
from analysis.stats import Plan, Settings, StatsError, analyse, read_settings, simulate_study


@pytest.fixture(scope="module")
def stored():
    plan = Plan(
        endpoints=PAPER[1:2], primary="theta_set", alpha=0.1, multiplicity="none", shortest=2.5, longest=None
    )
    tidy = simulate_study(seed=1, readers=2, cases=8)
    results = analyse(tidy, seed=7, draws=19, bootstraps=11, plan=plan, simulated=True)
    return json.loads(results.to_json())


def written(tmp_path, document):
    path = tmp_path / "results.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_settings_are_what_the_analysis_was_made_with(tmp_path, stored):
    assert read_settings(written(tmp_path, stored)) == Settings(
        seed=7,
        draws=19,
        bootstraps=11,
        plan=Plan(
            endpoints=PAPER[1:2],
            primary="theta_set",
            alpha=0.1,
            multiplicity="none",
            shortest=2.5,
            longest=None,
        ),
        simulated=True,
    )


@pytest.mark.parametrize(
    ("name", "came", "said"),
    [
        ("seed", "-1", "seed: expected a whole number of at least 0"),
        ("seed", "true", "got True"),
        ("seed", "1.0", "got 1.0"),
        ("seed", "1" + "0" * 5000, "4300 digits"),
        ("draws", "1000000000", "draws: expected a whole number from 1 to 1,000,000, got 1000000000"),
        ("bootstraps", "0", "bootstraps"),
        ("bootstraps", '"2000"', "got '2000'"),
        ("endpoints", '"quality"', "a list of texts"),
        ("endpoints", '[["quality"]]', "a list of texts"),
        ("endpoints", "[]", "at least one question"),
        ("endpoints", '["quality", "quality"]', "its own name"),
        ("endpoints", '["arm"]', "expected endpoints of"),
        ("questions", "{}", "a list of questions"),
        ("questions", '[{"name": "quality", "size": 1}]', "a list of questions"),
        (
            "questions",
            '[{"name": "quality", "question": "", "short": "", "kind": "ordinal"}]',
            "at least two rising",
        ),
        ("questions", '[{"name": "quality"}]', "question is missing"),
        ("groups", '{"one": ""}', "as groups"),
        ("groups", '"PIE"', "as groups"),
        ("primary_method", "{}", "primary_method: expected a text"),
        ("primary_method", '"best"', "expected a primary method"),
        ("alpha", "2", "above 0 and up to 0.5"),
        ("alpha", "NaN", "alpha: expected a number"),
        ("multiplicity", '"bonferroni"', "expected multiplicity of"),
        ("shortest_s", "-1", "null or seconds"),
        ("longest_s", "Infinity", "null or seconds"),
        ("longest_s", '"900"', "null or seconds"),
    ],
)
def test_a_setting_that_cannot_be_is_named(tmp_path, stored, name, came, said):
    was = f'"{name}": {json.dumps(stored["study"][name])}'
    text = json.dumps(stored)
    assert was in text
    text = text.replace(was, f'"{name}": {came}', 1)
    with pytest.raises(StatsError) as caught:
        read_settings(written(tmp_path, text))
    assert said in str(caught.value)
    assert str(tmp_path / "results.json") in str(caught.value)


def test_a_setting_that_is_missing_is_named(tmp_path, stored):
    study = {name: value for name, value in stored["study"].items() if name != "draws"}
    with pytest.raises(StatsError, match=r"study, draws: .* got nothing"):
        read_settings(written(tmp_path, {**stored, "study": study}))


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "null", '{"format": 1}', '{"format": 2, "study": {}}', "[" * 100_000, "\xff"]
)
def test_another_file_is_refused(tmp_path, text):
    with pytest.raises(StatsError, match=r"expected the results\.json of an export"):
        read_settings(written(tmp_path, text))
    with pytest.raises(StatsError, match="No such file"):
        read_settings(tmp_path / "none.json")
