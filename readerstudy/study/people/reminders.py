"""Remind readers by mail of what they have still to read: a worker writes, with the reader's own progress alone."""

from datetime import timedelta

from celery import shared_task
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from readerstudy.accounts.models import User
from readerstudy.audit.models import Event
from readerstudy.audit.services import record
from readerstudy.study.duties import locked_row
from readerstudy.study.models import Study
from readerstudy.study.people.members import readers_of
from readerstudy.study.phases import Phase, StudyError

REMINDED = "reader.reminded"
UNFINISHED = ("not begun", "reading")
AT_MOST_EVERY = timedelta(hours=20)
"""Nobody is reminded twice a day."""


@transaction.atomic
def remind(*, study: Study, pseudonym: str, actor: User | None, address: str) -> list[str]:
    """Ask a worker to write to a reader, or with a blank pseudonym to all who have not finished; return to whom.

    Parameters
    ----------
    address: of the reading room, for the mail.

    Raises
    ------
    PhaseError: the study is not being read.
    StudyError: nobody is to be reminded now, or no worker can be reached.
    """
    study = locked_row(study, {Phase.READING}, "readers are reminded only while a study is read; it is")
    recent = Event.objects.filter(study=study.key, kind=REMINDED, at__gte=timezone.now() - AT_MOST_EVERY)
    waiting = readers_of(study).filter(state__in=UNFINISHED).exclude(pseudonym__in=recent.values("subject"))
    if pseudonym:
        waiting = waiting.filter(pseudonym=pseudonym)
    asked = list(waiting)
    if not asked:
        raise StudyError(
            "nobody is to be reminded: all have finished, have withdrawn, or were reminded today"
        )
    for reader in asked:
        record(REMINDED, actor, study.key, reader.pseudonym)
    try:
        for reader in asked:
            send_reminder.apply_async(
                args=(reader.pk, address), queue="quick", ignore_result=True, retry=False
            )
    except (OperationalError, OSError) as error:
        raise StudyError(f"no worker could be reached ({type(error).__name__}); try again") from error
    return [reader.pseudonym for reader in asked]


@shared_task(name="study.remind")  # type: ignore[untyped-decorator]
def send_reminder(reader: int, address: str) -> None:
    """Write to a reader how far they are, unless they have finished meanwhile, have withdrawn, or reading is over."""
    study = Study.objects.filter(readers=reader, phase=Phase.READING).first()
    row = study and readers_of(study).filter(pk=reader, state__in=UNFINISHED, person__is_active=True).first()
    if not study or not row:
        return
    begun = f", the last on {row.last_day:%Y-%m-%d}" if row.last_day else ""
    text = (
        f"In the study '{study.title}' you have read {row.finished} of {row.total} images{begun}.\n\n"
        f"Go on reading here; you begin where you stopped:\n\n{address}\n"
    )
    send_mail(f"Reminder: {row.total - row.finished} images left to read", text, None, [row.person.email])
