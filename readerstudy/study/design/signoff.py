"""No name in the pixels: before a lock every image is opened at full size and signed off by somebody who cannot read.

A program cannot promise that no name is burned into a picture; a person who looks can. Anyone who has looked has seen
the cases, and so never becomes a reader of the study.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from readerstudy.accounts.models import User
from readerstudy.audit.services import record
from readerstudy.cases.models import CaseSet, Frame
from readerstudy.refusals import RefusedError
from readerstudy.study.design.terms import keys_of
from readerstudy.study.duties import locked_draft
from readerstudy.study.models import ImageCheck, Reader, Study

LEAST_SCALE = 1.0
"""CSS pixels per image pixel: at this size and larger, text that the modality burned in can be read."""


class SignOffError(RefusedError):
    """An image cannot be signed off as asked: what was expected, what was found, what to do."""


@dataclass(frozen=True)
class Progress:
    """How many images a study has, and how many were found clear, showed a name, or were not looked at as drawn."""

    total: int
    clear: int
    named: int
    drawn: int

    @property
    def signed(self) -> int:
        """Images that need no further look."""
        return self.clear + self.named + self.drawn

    @property
    def left(self) -> int:
        """Images that nobody has looked at yet."""
        return self.total - self.signed


def images_to_check(study: Study) -> QuerySet[Frame]:
    """Return every image that a reader will see, of the study's and the practice cases, with its case."""
    return Frame.objects.filter(study__in=keys_of(study)).select_related("case")


def _unchecked(study: Study) -> QuerySet[Frame]:
    done = ImageCheck.objects.filter(study=study, case=OuterRef("case"), position=OuterRef("position"))
    return images_to_check(study).exclude(Exists(done))


def progress_of(study: Study) -> Progress:
    """Count the images by what was found on them."""
    found = list(ImageCheck.objects.filter(study=study).values_list("finding", flat=True))
    counts = {each: found.count(each) for each in ImageCheck.Finding.values}
    return Progress(images_to_check(study).count(), **counts)


def next_image(study: Study, person: User) -> Frame | None:
    """Return the next image to look at, or None when all are done.

    The order is random, and another for each person: by a digest of the study, the person and the case.
    """

    def place(frame: Frame) -> tuple[str, int]:
        told = f"{study.key} {person.pk} {frame.case.key}"
        return hashlib.sha256(told.encode()).hexdigest(), frame.position

    return min(_unchecked(study), key=place, default=None)


@transaction.atomic
def sign_off(
    *, study: Study, key: str, person: User, clear: bool, scale: Any, position: Any = 0
) -> ImageCheck:
    """Record what a person saw on an image; a second look replaces the first, and both are recorded in the audit trail.

    Parameters
    ----------
    key, position: of the case, and of the image in it.
    clear: no name is visible; otherwise one is.
    scale: the smallest size at which the parts of the image were shown, in CSS pixels per image pixel.

    Raises
    ------
    PhaseError: the study is no longer a draft.
    SignOffError: the person reads in the study, no such case, or the image was shown too small to read text.
    """
    study = locked_draft(study, "images can be signed off")
    if Reader.objects.filter(study=study, person=person).exists():
        raise SignOffError(f"{person} is a reader in this study; expected somebody who is not")
    found = [
        each for each in images_to_check(study).filter(case__key=key) if str(each.position) == str(position)
    ]
    if not found:
        raise SignOffError("expected an image of this study; reload the page")
    shown = _number(scale)
    if not shown >= LEAST_SCALE:
        raise SignOffError(
            f"expected the whole image to have been shown at {LEAST_SCALE:g} screen pixel for each of its pixels "
            f"or larger, got {shown:g}; at a smaller size a burned-in name cannot be read"
        )
    finding = ImageCheck.Finding.CLEAR if clear else ImageCheck.Finding.NAMED
    made, _ = ImageCheck.objects.update_or_create(
        study=study, case=found[0].case, position=found[0].position,
        defaults={"person": person, "finding": finding, "scale": shown},
    )  # fmt: skip
    told = {"finding": finding.value, "scale": shown, "image": found[0].position}
    record("image.signed_off", person, study.key, key, told)
    return made


@transaction.atomic
def sign_off_drawn(*, study: Study, actor: User | None) -> int:
    """Record that the images of synthetic case sets were drawn by a program and show nobody; return how many.

    Nobody looked, and the record says so.

    Raises
    ------
    PhaseError: the study is no longer a draft.
    SignOffError: none of the study's case sets is synthetic.
    """
    study = locked_draft(study, "images can be signed off")
    drawn = CaseSet.objects.filter(study__in=keys_of(study), synthetic=True)
    if not drawn.exists():
        raise SignOffError(
            "expected images that a program drew; these are of patients, and each needs a look"
        )
    rows = [
        ImageCheck(
            study=study,
            case=frame.case,
            position=frame.position,
            person=actor,
            finding=ImageCheck.Finding.DRAWN,
        )
        for frame in _unchecked(study).filter(case__case_set__in=drawn)
    ]
    ImageCheck.objects.bulk_create(rows)
    record("image.drawn_signed_off", actor, study.key, study.slug, {"images": len(rows)})
    return len(rows)


def waiting_for_sign_off(study: Study) -> list[str]:
    """Say what keeps a study from its lock: images that nobody has looked at, or that show a name."""
    found = []
    now = progress_of(study)
    if now.left:
        found.append(
            f"{now.left} of {now.total} images have not been looked at for names; open them on the page Images"
        )
    if now.named:
        found.append(
            f"{now.named} of {now.total} images show a name; write the case set again without "
            f"{'it' if now.named == 1 else 'them'} and load it in place of this one"
        )
    return found


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0.0
    return number if math.isfinite(number) else 0.0
