"""What the demo says of time: before, of each stage, after. The stages have tests of their own elsewhere."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command

from analysis.terminal import in_words
from readerstudy.ops.demo import chain, studies
from readerstudy.ops.demo.plan import FINISHED, LIVE, STAGES
from readerstudy.ops.management.commands import demo


@pytest.fixture
def done_already(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any) -> None:
    """A demo whose every stage has nothing to do."""
    settings.HOME = tmp_path
    rows = {slug: {"image": []} for slug in (LIVE, FINISHED)}

    def nothing(*given: Any, **_: Any) -> None:
        for report in given:
            if callable(report):
                report(3, 3)

    for name in ("make_phantoms", "train", "sweep", "analyse", "develop", "hand_over", "show_inputs"):
        monkeypatch.setattr(chain, name, nothing)
    monkeypatch.setattr(chain, "choose", lambda run: (SimpleNamespace(), rows))
    monkeypatch.setattr(chain, "findings_in_words", lambda *_: [])
    for name in ("live_study", "finished_study"):
        monkeypatch.setattr(studies, name, nothing)
    monkeypatch.setattr(studies, "people", dict)
    monkeypatch.setattr(studies, "passwords", dict)
    monkeypatch.setattr(demo, "prepare_site", nothing)


def test_it_says_how_long_it_takes_and_took(done_already: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("demo", "--no-serve")
    told, beside = capsys.readouterr()
    whole = in_words(sum(seconds for _, seconds in STAGES))
    assert f"about {whole} on" in told
    lines = told.splitlines()
    places = []
    for number, (title, seconds) in enumerate(STAGES, 1):
        (place,) = [
            at for at, line in enumerate(lines) if line.startswith(f"{number} of {len(STAGES)}  {title}, ")
        ]
        assert lines[place].endswith(f"about {in_words(seconds)}")
        assert any(re.fullmatch(r" +took \d+ s", line) for line in lines[place + 1 : place + 5])
        places.append(place)
    assert places == sorted(places)
    assert re.search(r"^All steps together took \d+ s here\.$", told, re.MULTILINE)
    assert f"{title}: 3 of 3" in beside  # where there is no terminal


def test_the_stages_add_up_to_what_was_measured() -> None:
    """README tells how long a whole first run took; what is printed must not promise another time."""
    from tests.docs.drawn import ROOT

    minutes, seconds = map(
        int,
        re.search(r"A first run takes about (\d+) min (\d+) s", (ROOT / "README.md").read_text()).groups(),
    )
    assert sum(seconds for _, seconds in STAGES) == pytest.approx(60 * minutes + seconds, rel=0.1)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (59.4, "59 s"), (59.6, "1 min"), (60, "1 min"), (220, "3 min 40 s")]
)
def test_a_duration_as_a_person_says_it(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
