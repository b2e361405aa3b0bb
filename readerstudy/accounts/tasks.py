"""What the worker of the queue `quick` does for accounts: it sends mails, so that response times reveal nothing."""

import logging
from smtplib import SMTPException

from celery import shared_task
from kombu.exceptions import OperationalError

from readerstudy.accounts.services import mail_link

log = logging.getLogger(__name__)


@shared_task(name="accounts.mail_link")
def mail(address: str) -> None:
    """Mail a link to a new password; what a server refuses may name the address and is told by its kind alone."""
    try:
        mail_link(address)
    except (SMTPException, OSError) as error:
        log.warning("a link to a new password could not be mailed: %s", type(error).__name__)


def ask_for_link(address: str) -> None:
    """Hand an address to the worker, whether anyone has it or not: only the worker looks."""
    try:
        mail.apply_async(args=(address,), queue="quick", ignore_result=True, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("no worker could be asked to mail a link: %s", type(error).__name__)
