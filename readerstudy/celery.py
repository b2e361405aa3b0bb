"""The Celery application: it only wakes workers. The ledger in the database says what there is to do.

No result backend, no chords, no ETAs: a lost, doubled or torn message costs nothing.
"""

import os

from celery import Celery
from celery.signals import worker_init
from kombu import transport

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "readerstudy.settings")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # idle threads sleep; see manage.py
transport.TRANSPORT_ALIASES["atomicfs"] = "readerstudy.broker:Transport"

from django.conf import settings  # noqa: E402  (the settings module must be named first)

from readerstudy.commands import give_way  # noqa: E402

app = Celery("readerstudy")
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    broker_transport_options={"data_folder": str(settings.BROKER_ROOT)}
    if settings.CELERY_BROKER_URL.startswith("atomicfs")
    else {},
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # a broker that restarts is waited for, however long it takes
    broker_heartbeat=30,  # RabbitMQ: a connection that a firewall forgot is noticed
    task_publish_retry_policy={
        "max_retries": 3,
        "interval_start": 0.2,
        "interval_step": 0.5,
        "interval_max": 1,
    },
    task_ignore_result=True,
    task_default_queue="quick",
    accept_content=["json"],
    worker_prefetch_multiplier=1,
    # Nobody controls a worker by message. With it each worker would claim a queue of its node's name for itself, and
    # on RabbitMQ the second worker of a machine would end at its start.
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
)
app.autodiscover_tasks(["analysis", "readerstudy.accounts"])
app.autodiscover_tasks(["readerstudy.study.people"], related_name="members")


@worker_init.connect  # type: ignore[untyped-decorator]
def gives_way(**_: object) -> None:
    """Readers come first where a worker shares a machine with the web processes."""
    give_way()
