"""The builder's pages: what an admin types becomes the protocol, and what does not hold is told and not saved."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from readerstudy.study.design import lifecycle
from readerstudy.study.design.drafts import version_of
from readerstudy.study.models import Study
from readerstudy.study.protocol import Protocol
from readerstudy.study.protocol.questions import After, Measure
from tests.stock import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client) -> Client:
    ada = person("Ada")
    lifecycle.create_study(slug="made", title="Made", protocol=Protocol(), actor=ada)
    client.force_login(ada)
    return client


def study() -> Study:
    return Study.objects.get(slug="made")


def now() -> Protocol:
    return Protocol.from_json(study().protocol)


def typed(client: Client, address: str, **changes: Any) -> Any:
    """Post a form as the page shows it, with some fields changed."""
    form = client.get(address).context["form"]
    values = {name: form[name].value() for name in form.fields}
    shown = {name: value for name, value in values.items() if value is not None and value is not False}
    return client.post(address, {**shown, **changes})


def told(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def test_every_part_saves_what_is_typed(admin: Client) -> None:
    base = "/studies/made/protocol/parts"
    typed(admin, f"{base}/texts/", title="Renamed", instructions="# Read\r\n\r\nwell", consent="Yes.")
    typed(admin, f"{base}/design/", design="overlapping blocks", planned_readers=6, repeat_fraction=10)
    typed(admin, f"{base}/room/", shown=["view", "age"], back="session", session_cases=20, session_hours=12.5)
    typed(admin, f"{base}/analysis/", alpha=0.01, subgroups=["class_group"], longest_s=600)
    protocol = now()
    assert study().title == "Renamed"
    assert protocol.instructions == "# Read\n\nwell"
    assert (protocol.design, protocol.planned_readers, protocol.repeat_fraction) == (
        "overlapping blocks",
        6,
        0.1,
    )
    assert (protocol.shown, protocol.back, protocol.session_hours) == (("view", "age"), "session", 12.5)
    assert (protocol.alpha, protocol.longest_s) == (0.01, 600)


def test_questions_of_each_kind_are_added_edited_and_moved(admin: Client) -> None:
    base = "/studies/made/protocol"
    typed(
        admin,
        f"{base}/new/choice/",
        key="side",
        text="Which side?",
        levels="1 = left\r\n2 = right",
        after=["agree=0"],
    )
    typed(admin, f"{base}/new/number/", key="size", text="How large?", unit="cm", minimum=0, maximum=30)
    typed(
        admin,
        f"{base}/new/missing_labels/",
        key="missing",
        text="Which are missing?",
        vocabulary="Nodule\nHernia\nNodule",
    )
    typed(admin, f"{base}/new/choice/", key="guess", text="Which kind?", levels="one\r\nother", guess=True)
    typed(admin, f"{base}/new/mark/", key="where", text="Where?", shapes=["point"])
    typed(admin, f"{base}/questions/size/", key="width", text="How wide?")
    admin.post(f"{base}/questions/where/up/")
    admin.post(f"{base}/questions/difficulty/remove/")
    protocol = now()
    by_key = {question.key: question for question in protocol.questions}
    assert list(by_key) == ["agree", "quality", "side", "width", "missing", "where", "guess"]
    assert by_key["side"].after == After("agree", (0,))
    assert [level.label for level in by_key["side"].levels] == ["left", "right"]
    assert (by_key["width"].maximum, by_key["width"].unit) == (30, "cm")
    assert (by_key["guess"].guess, by_key["side"].guess) == (True, False)
    assert by_key["missing"].vocabulary == ("Nodule", "Hernia")
    assert protocol.endpoints == ("agree", "quality")
    page = admin.get(f"{base}/").content.decode()
    assert "Which side?" in page
    assert "is answered with no" in page
    assert "Asked only after" in page


def test_a_margin_is_typed_at_its_question_and_shown_on_the_protocol(admin: Client) -> None:
    base = "/studies/made/protocol"
    typed(admin, f"{base}/questions/quality/", aim="equivalence", margin="0.5")
    (quality,) = (question for question in now().questions if question.key == "quality")
    assert quality.endpoint is not None
    assert (quality.endpoint.aim, quality.endpoint.margin) == ("equivalence", 0.5)
    assert "equivalence, margin 0.5" in admin.get(f"{base}/").content.decode()
    again = typed(admin, f"{base}/questions/quality/", margin="")
    assert "equivalence with a margin above 0" in again.content.decode()
    (unchanged,) = (question for question in now().questions if question.key == "quality")
    assert unchanged == quality
    typed(admin, f"{base}/questions/quality/", aim="superiority", margin="")
    assert "margin" not in str(now().as_json()["questions"][1]["endpoint"])


def test_an_endpoint_is_marked_worded_and_unmarked_at_its_question(admin: Client) -> None:
    base = "/studies/made/protocol"
    levels = "0 = none\n1 = some\n3 = much"
    typed(admin, f"{base}/new/ordinal/", key="motion_blur", text="How blurred?", levels=levels, endpoint=True)
    typed(
        admin,
        f"{base}/new/number/",
        key="seconds",
        text="How long?",
        endpoint=True,
        short="CT time",
        worse="high",
    )
    typed(admin, f"{base}/new/yes_no/", key="ill", text="Ill?")
    assert now().endpoints == ("agree", "quality", "difficulty", "motion_blur", "seconds")
    by_key = {question.key: question.endpoint for question in now().questions}
    assert by_key["motion_blur"] == Measure("Motion blur", "low", "lower motion blur", "higher motion blur")
    assert by_key["seconds"] == Measure("CT time", "high", "lower CT time", "higher CT time")
    assert by_key["ill"] is None
    typed(admin, f"{base}/questions/motion_blur/", key="blur", less="less blur", worse="high")
    assert now().endpoints == ("agree", "quality", "difficulty", "blur", "seconds")
    assert now().questions[3].endpoint == Measure("Motion blur", "high", "less blur", "higher motion blur")
    typed(admin, f"{base}/questions/quality/", endpoint="")
    assert now().endpoints == ("agree", "difficulty", "blur", "seconds")
    assert "endpoint" not in admin.get(f"{base}/new/text/").context["form"].fields


@pytest.mark.parametrize(
    ("preset", "keys"),
    [
        ("published", ("agree", "quality", "difficulty")),
        ("follow_ups", ("agree", "quality", "difficulty")),
        ("three_levels", ("labels", "quality", "difficulty")),
        ("empty", ()),
    ],
)
def test_a_new_study_begins_with_the_chosen_questions(
    admin: Client, preset: str, keys: tuple[str, ...]
) -> None:
    admin.post("/studies/new/", {"title": "Begun", "slug": "begun", "preset": preset})
    begun = Study.objects.get(slug="begun")
    protocol = Protocol.from_json(begun.protocol)
    assert protocol.endpoints == keys
    page = admin.get("/studies/begun/protocol/").content.decode()
    assert ("no question is asked" in page) == (not keys)
    followed = {question.key: question.after for question in protocol.questions if question.after}
    after = After("agree", (0,))
    assert followed == ({"wrong_labels": after, "missing_labels": after} if preset == "follow_ups" else {})
    assert len(protocol.questions) == len(keys) + len(followed)


@pytest.mark.parametrize("kind", ["choice", "multiple_choice"])
def test_options_without_numbers_are_numbered(admin: Client, kind: str) -> None:
    typed(admin, f"/studies/made/protocol/new/{kind}/", key="view", text="Which?", levels="PA\n4 = AP\nL > R")
    levels = {question.key: question for question in now().questions}["view"].levels
    assert [(level.value, level.label) for level in levels] == [(5, "PA"), (4, "AP"), (6, "L > R")]


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("ordinal", {"key": "a", "text": "A?", "levels": "poor\ngood"}, "Expected a number, an equals sign"),
        ("ordinal", {"key": "a", "text": "A?", "levels": "1 = poor"}, "2 to 20 levels"),
        ("choice", {"key": "a", "text": "A?", "levels": "PA\n7 ="}, "this line says “7 =”"),
        ("choice", {"key": "a", "text": "A?", "levels": "2\n1"}, "this line says “2”"),
        ("yes_no", {"key": "agree", "text": "A?"}, "Another question is named"),
        ("yes_no", {"key": "No", "text": "A?"}, "a letter first, such as “side_2”"),
        (
            "yes_no",
            {"key": "a", "text": "A?", "after": ["agree=1", "quality=1"]},
            "answers of one question only",
        ),
        ("number", {"key": "a", "text": "A?", "minimum": 3, "maximum": 2}, "below the largest"),
    ],
)
def test_a_question_that_does_not_hold_is_told_and_not_saved(
    admin: Client, kind: str, values: Any, words: str
) -> None:
    before = now()
    response = typed(admin, f"/studies/made/protocol/new/{kind}/", **values)
    assert response.status_code == 200
    assert words in response.content.decode()
    assert now() == before


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(admin: Client) -> None:
    address = "/studies/made/protocol/parts/analysis/"
    old = version_of(study())
    typed(admin, address, alpha=0.01)
    response = typed(admin, address, alpha=0.1, version=old)
    assert "was changed in another window" in response.content.decode()
    assert now().alpha == 0.01


def test_a_protocol_goes_out_as_a_file_and_comes_in_again(admin: Client) -> None:
    typed(admin, "/studies/made/protocol/parts/analysis/", alpha=0.02, stopping="When all have read.")
    content = admin.get("/studies/made/protocol/file/").content
    typed(admin, "/studies/made/protocol/parts/analysis/", alpha=0.05)
    back = {"file": SimpleUploadedFile("p.toml", content)}
    assert "in place" in told(admin.post("/studies/made/protocol/import/", back, follow=True))
    assert (now().alpha, now().stopping) == (0.02, "When all have read.")
    bad = {"file": SimpleUploadedFile("p.toml", b"format = 1\nalpha = 7")}
    assert "alpha: expected a number" in told(admin.post("/studies/made/protocol/import/", bad, follow=True))
    assert now().alpha == 0.02
    copied = admin.post("/studies/made/copy/", {"title": "Copy", "slug": "copied"})
    assert copied.url == "/studies/copied/protocol/"
    assert Protocol.from_json(Study.objects.get(slug="copied").protocol).alpha == 0.02


def test_commands_do_the_same(admin: Client, tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "made.toml"
    path.write_bytes(admin.get("/studies/made/protocol/file/").content)
    call_command("import_protocol", str(path), "--study", "again", "--admin", "ada@example.org")
    assert Study.objects.get(slug="again").protocol == study().protocol
    with pytest.raises(CommandError, match="after unblinding; the study is draft"):
        call_command("verify_orders", "made")


def test_markdown_can_do_nothing(admin: Client) -> None:
    nasty = (
        "<script>alert(1)</script> <img src=x onerror=alert(1)> ![p](http://x/y.png) [a](javascript:alert(1)) "
        "[b](https://example.org) <b onclick=1>c</b>\n\n# Title"
    )
    typed(admin, "/studies/made/protocol/parts/texts/", instructions=nasty)
    page = admin.get("/studies/made/protocol/").content.decode()
    prose = page[page.index('class="prose"') :].split("</section>")[0]
    for word in ("<script", "<img", 'href="javascript', "<b "):
        assert word not in prose
    assert 'href="https://example.org"' in prose
    assert "<h2>Title</h2>" in prose


@pytest.mark.parametrize("address", ["/studies/new/", "/studies/made/copy/"])
def test_a_short_name_that_is_no_address_is_told_with_what_was_expected(admin: Client, address: str) -> None:
    response = admin.post(address, {"title": "Other", "slug": "my study"}, follow=True)
    said = response.content.decode()
    assert "You entered “my study”. Expected letters a to z" in said
    assert "slug”" not in said
    assert not Study.objects.filter(title="Other").exists()
