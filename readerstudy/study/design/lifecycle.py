"""Every change of a study's state: set up, enrol, lock, start, close. Each writes its audit event."""

from django.db import transaction
from django.utils import timezone

from readerstudy.accounts.models import User
from readerstudy.audit.services import heads, record
from readerstudy.study import duties
from readerstudy.study.design.estimand import method_of, with_estimand
from readerstudy.study.design.locking import lock_file, sha256_of, warnings_of
from readerstudy.study.design.obstacles import hindrances_of
from readerstudy.study.models import Role, Study
from readerstudy.study.phases import Phase, StudyError, next_phase
from readerstudy.study.protocol import Protocol

RESERVED = frozenset({"new"})
"""Short names that are addresses of other pages."""


@transaction.atomic
def create_study(
    *, slug: str, title: str, protocol: Protocol, actor: User | None, simulated_readers: bool = False
) -> Study:
    """Set up a study as a draft; the actor becomes its admin.

    Raises
    ------
    StudyError: the short name is taken or reserved.
    ValidationError: a short name or title that cannot be one.
    ProtocolError: the protocol does not hold.
    """
    protocol.check()
    if slug in RESERVED:
        raise StudyError(f"expected another short name: '{slug}' is a page of the site")
    if Study.objects.filter(slug=slug).exists():
        raise StudyError(
            f"expected a new short name, '{slug}' belongs to another study; choose a different one"
        )
    study = Study(slug=slug, title=title, protocol=protocol.as_json(), simulated_readers=simulated_readers)
    study.clean_fields(exclude={field.name for field in Study._meta.fields} - {"slug", "title"})
    study.save()
    record(
        "study.created", actor, study.key, slug,
        {"title": title, "protocol": study.protocol, "simulated_readers": simulated_readers},
    )  # fmt: skip
    if actor is not None:
        duties.add_member(study=study, person=actor, role=Role.STUDY_ADMIN, actor=actor)
    return study


@transaction.atomic
def attach_case_set(
    *, study: Study, cases_sha256: str, sealed_sha256: str, run_id: str, synthetic: bool, actor: User | None
) -> None:
    """Note the digests of the case set that was loaded for this study; say what is compared, where nothing says it.

    Raises
    ------
    PhaseError, StudyError: as `cases_draft`.
    """
    study = cases_draft(study, sealed_sha256)
    study.cases_sha256, study.sealed_sha256 = cases_sha256, sealed_sha256
    study.run_id, study.synthetic_images = run_id, synthetic
    study.protocol = with_estimand(study, Protocol.from_json(study.protocol)).as_json()
    study.save()
    record(
        "study.cases_attached", actor, study.key, study.slug,
        {"cases_sha256": cases_sha256, "sealed_sha256": sealed_sha256, "run_id": run_id},
    )  # fmt: skip


@transaction.atomic
def cases_draft(study: Study, sealed_sha256: str) -> Study:
    """Lock and return a study that may take these cases; asked before their images are decoded too.

    Raises
    ------
    PhaseError: the study is locked.
    StudyError: the key of these cases is open: people know what they are.
    """
    study = duties.locked_draft(study, "loading cases is possible")
    opened = Study.objects.filter(sealed_sha256=sealed_sha256, unblinded_at__isnull=False).first()
    if opened is not None:
        raise StudyError(
            f"expected cases whose key is sealed, the study '{opened.slug}' has opened it; "
            "write the case set again, which gives it a new key"
        )
    return study


@transaction.atomic
def lock(*, study: Study, actor: User | None) -> Study:
    """Write the canonical protocol and freeze it by its digest; nothing in it changes afterwards.

    It names the primary method that the cases decide. The database refuses changes from now on too (`guards.py`). Words
    that could tell readers what is compared do not stop a lock; they are recorded in the audit trail, and the page
    shows them before.

    Raises
    ------
    PhaseError: the study is not a draft.
    StudyError: something stands in the way (`obstacles.py`): no cases, an open key, no terms of use, images that
        were not signed off, a protocol that cannot be carried out with these cases.
    """
    study, phase = stepping(study, "lock")
    if hindrances := hindrances_of(study):
        raise StudyError(f"this study cannot be locked: {'; also, '.join(text for text, _ in hindrances)}")
    study.protocol = {
        **study.protocol,
        "primary_method": method_of(study, Protocol.from_json(study.protocol)),
    }
    study.openers = duties.openers_of(study)
    study.locked_file = lock_file(study)
    study.protocol_sha256 = sha256_of(study.locked_file)
    study.locked_at = timezone.now()
    values: dict[str, object] = {
        "protocol_sha256": study.protocol_sha256, "warnings": warnings_of(study), "openers": study.openers,
    }  # fmt: skip
    return move(study, phase, "study.locked", actor, values)


@transaction.atomic
def start(*, study: Study, actor: User | None) -> Study:
    """Open the reading room.

    Raises
    ------
    PhaseError: the study is not locked.
    StudyError: nobody is enrolled.
    """
    study, phase = stepping(study, "start")
    if not study.readers.exists():
        raise StudyError("expected at least one reader before reading starts; enrol one first")
    return move(study, phase, "study.started", actor, {"readers": study.readers.count()})


@transaction.atomic
def close(*, study: Study, actor: User | None, reason: str) -> Study:
    """End reading for good; answers are refused from now on.

    Raises
    ------
    PhaseError: nobody is reading.
    StudyError: no reason is given, or the admin can see where cases come from.
    """
    study, phase = stepping(study, "close", reason)
    duties.refuse_alone(study, actor, "close reading")
    study.closed_at = timezone.now()
    values: dict[str, object] = {
        "unblinded_admins": sorted(duties.unblinded_among(study)),
        "audit_heads": heads(study.key),
    }
    return move(study, phase, "study.closed", actor, values, reason)


@transaction.atomic
def archive(*, study: Study, actor: User | None, reason: str) -> Study:
    """Put a closed or unblinded study away; it can be read and exported as before, and deleted by retention.

    Raises
    ------
    PhaseError: the study is not closed.
    StudyError: no reason is given.
    """
    study, phase = stepping(study, "archive", reason)
    study.archived_at = timezone.now()
    return move(study, phase, "study.archived", actor, {}, reason)


def stepping(study: Study, step: str, reason: str = "none is asked for") -> tuple[Study, Phase]:
    """Lock a study's row for a step, and return it with the phase to which the step leads.

    Raises
    ------
    PhaseError: the step is not allowed now.
    StudyError: no reason is given.
    """
    study = Study.objects.select_for_update().get(pk=study.pk)
    phase = next_phase(study.phase, step)
    if not reason.strip():
        raise StudyError(f"expected a reason for the step '{step}'; it is recorded in the audit trail")
    return study, phase


def move(
    study: Study, phase: Phase, kind: str, actor: User | None, values: dict[str, object], reason: str = ""
) -> Study:
    """Store a study in another phase, and record the step with both phases."""
    old, study.phase = study.phase, phase.value
    study.save()
    record(kind, actor, study.key, study.slug, {"old": old, "new": phase.value, **values}, reason=reason)
    return study
