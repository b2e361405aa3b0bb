"""Who has seen where cases come from cannot read them: the access log, and rights that come after enrolment."""

import pytest

from readerstudy.accounts.access import has_opened_run
from readerstudy.accounts.services import grant_researcher
from readerstudy.audit.models import Event
from readerstudy.audit.services import faults, record
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.phases import StudyError
from tests.blinding.crowd import Crowd
from tests.stock import RUN_ID

pytestmark = pytest.mark.django_db

READING = ("/read/chest/", "/read/chest/state/", "/read/chest/frames/{current}/")
SHOWING = ("/runs/{run}/", "/runs/{run}/figures/mean-ap.svg", "/runs/{run}/metrics.csv")


@pytest.mark.parametrize("address", SHOWING)
def test_every_page_of_a_run_tells_the_access_log(crowd: Crowd, address: str) -> None:
    assert not has_opened_run(crowd.stock.rita, RUN_ID)
    crowd.client.force_login(crowd.stock.rita)
    assert b"".join(crowd.client.get(crowd.address(address)))
    assert has_opened_run(crowd.stock.rita, RUN_ID)
    assert Event.objects.get(kind="run.opened").study is None
    assert list(faults()) == []


def test_a_refused_look_is_no_look(crowd: Crowd) -> None:
    crowd.client.force_login(crowd.stock.charlie)
    assert crowd.client.get(crowd.address("/runs/{run}/")).status_code == 403
    assert not Event.objects.filter(kind="run.opened").exists()


def test_who_looked_and_lost_the_right_cannot_be_enrolled(crowd: Crowd) -> None:
    charlie = crowd.stock.charlie
    grant_researcher(user=charlie, actor=crowd.stock.olga)
    crowd.client.force_login(charlie)
    crowd.client.get(crowd.address("/runs/{run}/"))
    charlie.user_permissions.clear()
    charlie = type(charlie).objects.get(pk=charlie.pk)
    with pytest.raises(StudyError, match="cannot read them blind"):
        enrol_reader(study=crowd.stock.study, person=charlie, actor=crowd.stock.alice)


@pytest.mark.parametrize("means", ["researcher", "superuser", "log"])
def test_a_reader_who_may_look_reads_no_further(crowd: Crowd, means: str) -> None:
    bob = crowd.stock.bob
    assert [crowd.try_out("bob", "GET", address).status for address in READING] == [200, 200, 200]
    if means == "researcher":
        grant_researcher(user=bob, actor=crowd.stock.olga)
    elif means == "superuser":
        bob.is_superuser = True
        bob.save()
    else:
        record(kind="run.opened", actor=bob, subject=RUN_ID)
    assert [crowd.try_out("bob", "GET", address).status for address in READING] == [403, 403, 403]
    assert crowd.try_out("bob", "POST", "/read/chest/answers/{current}/").status == 403


def test_a_look_at_another_sweep_does_not_matter(crowd: Crowd) -> None:
    record(kind="run.opened", actor=crowd.stock.bob, subject="another-run")
    assert crowd.try_out("bob", "GET", "/read/chest/state/").status == 200
