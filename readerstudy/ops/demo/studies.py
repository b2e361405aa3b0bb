"""The demo's people and its two studies: one open for reading, one read by simulated readers and unblinded."""

import uuid
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from analysis.caseset import read_key
from analysis.endpoints import Endpoint
from analysis.stats import simulate_study
from readerstudy.accounts.models import User
from readerstudy.accounts.services import add_person, grant_researcher, new_password
from readerstudy.endpoints import endpoints_of
from readerstudy.ops.demo import plan
from readerstudy.ops.loading import load_into_study
from readerstudy.results.services import open_key
from readerstudy.study.design import lifecycle
from readerstudy.study.design.signoff import sign_off_drawn
from readerstudy.study.duties import add_member
from readerstudy.study.models import Reader, Role, Study
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.phases import Phase
from readerstudy.study.protocol import Protocol
from readerstudy.study.reading.answering import save_answers
from readerstudy.study.reading.stages import place_of
from readerstudy.study.reading.visits import begin

Report = Callable[[int, int], None]
INSTRUCTIONS = (
    "Each image comes with the labels that a data set gave it. Say whether you fully agree with them, how good "
    "the image is, and how hard it is to read. These images are synthetic: a program drew them."
)
NAMES = {plan.READER: "Robin Reader", plan.ADMIN: "Alex Admin", plan.RESEARCHER: "Rae Researcher"}


def people() -> dict[str, User]:
    """Make the three people of the demo, nobody able to sign in as them yet."""
    made = {email: _person(email, name) for email, name in NAMES.items()}
    if not made[plan.RESEARCHER].has_perm("analysis.view_run"):
        grant_researcher(user=made[plan.RESEARCHER], actor=None)
    return made


def passwords() -> dict[str, str]:
    """Give each person without a password a random one; return them, to be shown once."""
    fresh = {}
    for email in NAMES:
        user = User.objects.get(email=email)
        if not user.has_usable_password():
            fresh[email] = new_password(user=user, actor=None)
    return fresh


def live_study(folder: plan.DemoFolder, users: dict[str, User], report: Report) -> Study:
    """Build the study that the demo's reader reads, and open its reading room."""
    study = _loaded(folder, plan.LIVE, "Phantom chest radiographs", users, False, report)
    if study.phase == Phase.DRAFT and not study.readers.exists():
        enrol_reader(study=study, person=users[plan.READER], actor=users[plan.ADMIN])
    return _opened(study, users[plan.ADMIN])


def finished_study(folder: plan.DemoFolder, users: dict[str, User], report: Report) -> Study:
    """Build a study that simulated readers have read, and open its key, so that there are results to see."""
    title = "Simulated: six simulated readers, phantom images"
    study = _loaded(folder, plan.FINISHED, title, users, True, lambda done, total: None)
    if study.phase == Phase.DRAFT:
        for number in range(study.readers.count() + 1, plan.SIMULATED_READERS + 1):
            simulated = _person(f"simulated-{number}@demo.example", f"Simulated reader {number}")
            enrol_reader(study=study, person=simulated, actor=users[plan.ADMIN])
    study = _opened(study, users[plan.ADMIN])
    if study.phase == Phase.READING:
        _read(study, folder, report)
        study = lifecycle.close(
            study=study, actor=users[plan.ADMIN], reason="the simulated readers have finished"
        )
    if study.phase == Phase.CLOSED:
        open_key(
            study=study,
            key=folder.key(plan.FINISHED),
            reason="the demo shows results",
            actor=users[plan.ADMIN],
        )
    return study


def _opened(study: Study, admin: User) -> Study:
    if study.phase == Phase.DRAFT:
        study = lifecycle.lock(study=study, actor=admin)
    return lifecycle.start(study=study, actor=admin) if study.phase == Phase.LOCKED else study


def _loaded(
    folder: plan.DemoFolder, slug: str, title: str, users: dict[str, User], simulated: bool, report: Report
) -> Study:
    study = Study.objects.filter(slug=slug).first()
    if study is None:
        study = lifecycle.create_study(
            slug=slug, title=title, actor=users[plan.ADMIN], simulated_readers=simulated,
            protocol=Protocol(
                instructions=INSTRUCTIONS, planned_readers=plan.SIMULATED_READERS if simulated else 1,
                subgroups=("class_group", "n_findings"),
            ),
        )  # fmt: skip
        add_member(study=study, person=users[plan.RESEARCHER], role=Role.RESEARCHER, actor=users[plan.ADMIN])
    if not study.cases_sha256:
        load_into_study(study=study, folder=folder.cases(slug), actor=users[plan.ADMIN], progress=report)
        sign_off_drawn(study=study, actor=users[plan.ADMIN])
        study.refresh_from_db()
    return study


def _person(email: str, name: str) -> User:
    """Return a person, made without a password if there is none of the address."""
    user = User.objects.filter(email=email).first()
    if user is None:
        user, _ = add_person(email=email, name=name, actor=None)
        user.set_unusable_password()
        user.save()
    return user


def _read(study: Study, folder: plan.DemoFolder, report: Report) -> None:
    """Answer every open case as the latent model says, through the same service as a browser does."""
    readers = list(study.readers.select_related("study", "person"))
    key = read_key(folder.key(plan.FINISHED)).rows[["case", "arm", "pair"]]
    asked = endpoints_of(Protocol.from_json(study.protocol))
    drawn = simulate_study(
        seed=plan.SIMULATION_SEED, readers=[reader.pseudonym for reader in readers], cases=key,
        endpoints=[*asked.values()],
    )  # fmt: skip
    answers = {(row["reader"], row["case"]): row for row in drawn.to_dict("records")}
    total = sum(reader.assignments.count() for reader in readers)
    done = sum(reader.assignments.filter(revision__gt=0).count() for reader in readers)
    for reader in readers:
        if place_of(reader).current is not None:
            begin(reader=reader)
            reader.refresh_from_db(fields=["instructed_at"])
        while (current := place_of(reader).current) is not None:
            _answer(reader, current.public_id, asked, answers[reader.pseudonym, current.case.key])
            done += 1
            report(done, total)


def _answer(
    reader: Reader, public_id: uuid.UUID, asked: Mapping[str, Endpoint], row: Mapping[Hashable, Any]
) -> None:
    answers = {key: {"status": "answered", "value": int(row[each.name])} for key, each in asked.items()}
    save_answers(
        reader=reader, public_id=public_id, idempotency_key=uuid.uuid4(), revision=0, answers=answers, comment="",
        times={"visible_ms": 1000 * float(row["time_s"])}, display={},
    )  # fmt: skip
