"""Long lists: python -m bench.lists [--rows 1000] [--cases 100] [--bound 300]

Makes a site of that many studies, sweeps, data sets and ensembles, and one study of that many readers of that many
cases, half of them read; then asks each list's page as its admin, as it is first opened, searched, ordered, and at its
last page. Prints the milliseconds of server time (processor time of the view, its statements on SQLite and its
template, all in this process; the median of five), those on the clock beside it, and the statements. Ends with status
1 where a page takes more than the bound.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

RUNS = 5


def made_site(home: Path, rows: int, cases: int) -> Any:
    """Make the site; return a client that is signed in as its admin, who is a superuser."""
    os.environ |= {
        "READERSTUDY_HOME": str(home), "SECRET_KEY": "only for a bench", "AUDIT_KEY": "00" * 32, "DEBUG": "no",
        "ALLOWED_HOSTS": "testserver", "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
    }  # fmt: skip
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import transaction
    from django.test import Client

    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.SECURE_SSL_REDIRECT = False
    call_command("migrate", verbosity=0)
    from readerstudy.accounts.models import User

    with transaction.atomic():
        ada = User.objects.create_superuser("ada@example.org", None, name="Ada")
        fill(ada, rows, cases)
    client = Client()
    client.force_login(ada)
    return client


def fill(ada: Any, rows: int, cases: int) -> None:
    """Write the rows of every list."""
    from readerstudy.accounts.models import User
    from readerstudy.cases.models import Case, CaseSet
    from readerstudy.study.models import Assignment, Membership, Rating, Reader, Study
    from readerstudy.study.protocol import Protocol

    protocol = Protocol().as_json()
    studies = Study.objects.bulk_create(
        Study(slug=f"study-{n}", title=f"Study {n}", protocol=protocol) for n in range(rows)
    )
    Membership.objects.bulk_create(
        Membership(study=study, person=ada, role="study_admin") for study in studies
    )
    big = studies[0]
    whole = CaseSet.objects.create(
        study=big.key, cases_sha256="a" * 64, key_sha256="b" * 64, synthetic=True, window_rule="full",
        case_count=cases, frame_length=1,
    )  # fmt: skip
    made = Case.objects.bulk_create(
        Case(study=big.key, case_set=whole, key=f"{n:032x}", labels=["A"], block=1, separation_group=str(n))
        for n in range(cases)
    )
    people = User.objects.bulk_create(
        User(email=f"reader{n}@example.org", name=f"Reader {n}") for n in range(rows)
    )
    readers = Reader.objects.bulk_create(
        Reader(
            study=big, person=person, pseudonym=f"R{n:04d}", order_seed=bytes(32), order_algorithm=2, slot=n
        )
        for n, person in enumerate(people)
    )
    places = Assignment.objects.bulk_create(
        (
            Assignment(study=big, reader=reader, case=case, position=n, revision=n % 2)
            for reader in readers
            for n, case in enumerate(made, 1)
        ),
        batch_size=5_000,
    )
    Rating.objects.bulk_create(
        (
            Rating(study=big, assignment=place, revision=1, idempotency_key=place.public_id, answers={})
            for place in places
            if place.revision
        ),
        batch_size=5_000,
    )
    _fill_the_rest(big.key, rows)


def _fill_the_rest(study: Any, rows: int) -> None:
    """Write what is listed beside studies and readers: invitations, data sets, ensembles, sweeps."""
    from django.utils import timezone

    from analysis.models import DataSet, Ensemble, Run
    from readerstudy.accounts.models import Invitation
    from readerstudy.study.people.invitations import HOLDS_FOR

    Invitation.objects.bulk_create(
        Invitation(
            study=study, email=f"asked{n}@example.org", role="reader", token_sha256=f"{n:064x}",
            expires_at=timezone.now() + HOLDS_FOR,
        )
        for n in range(rows)
    )  # fmt: skip
    sets = DataSet.objects.bulk_create(DataSet(slug=f"set-{n}", section={}) for n in range(rows))
    Ensemble.objects.bulk_create(
        Ensemble(slug=f"ensemble-{n}", data_set=sets[n], architecture="resnet18", checkpoints="/nowhere")
        for n in range(rows)
    )
    Run.objects.bulk_create(
        Run(run_id=f"{n:016x}", name=f"Sweep {n}", folder=f"/nowhere/{n}", spec={}) for n in range(rows)
    )


PAGES = {
    "studies": ("/", "-created_at"),
    "readers": ("/studies/study-0/people/", "finished"),
    "one study": ("/studies/study-0/", ""),
    "sweeps": ("/runs/", "name"),
    "data sets": ("/data-sets/", "-created_at"),
    "ensembles": ("/ensembles/", "data_set__slug"),
}


def main() -> int:
    """Make the site, ask for the pages, print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--bound", type=float, default=300, help="milliseconds")
    given = parser.parse_args()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        client = made_site(Path(folder), given.rows, given.cases)
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        load = os.getloadavg()[0]
        print(
            f"{given.rows} rows, one study of {given.rows} readers x {given.cases} cases; load average {load:.1f}"
        )
        for name, (address, order) in PAGES.items():
            for what, asked in (
                ("first", ""), ("searched", "?q=9"), ("ordered", f"?order={order}"), ("last page", "?page=9999"),
            ):  # fmt: skip
                if asked and not order:
                    continue
                times, clock = [], []
                with CaptureQueriesContext(connection) as queries:
                    for _ in range(RUNS):
                        before, began = time.process_time(), time.perf_counter()
                        answer = client.get(address + asked)
                        times.append(1000 * (time.process_time() - before))
                        clock.append(1000 * (time.perf_counter() - began))
                        if answer.status_code != 200:
                            raise RuntimeError(f"{address + asked} answered {answer.status_code}")
                took = statistics.median(times)
                slowest = max(slowest, took)
                print(
                    f"{name:10} {what:10} {took:6.0f} ms {statistics.median(clock):6.0f} ms on the clock "
                    f"{len(queries) // RUNS:3d} statements {len(answer.content):8,d} bytes"
                )
    print(f"slowest {slowest:.0f} ms, bound {given.bound:.0f} ms")
    return int(slowest > given.bound)


if __name__ == "__main__":
    raise SystemExit(main())
