"""Give a person a role in a study, or enrol them as a reader."""

from typing import Any

from readerstudy.study.commands import StudyCommand, person_at
from readerstudy.study.duties import add_member, why_not
from readerstudy.study.models import Role, Study
from readerstudy.study.people.members import enrol_reader

READER = "reader"


class Command(StudyCommand):
    help = (
        "Give a person a role in a study: reader, study_admin, researcher or statistician. A study admin whose role "
        "is given here, or again to confirm it, is eligible as one of the two who open the key: first make sure "
        "that it is a different person."
    )

    takes = {
        "email": {"help": "address of a person who has an account"},
        "role": {"choices": [READER, *Role.values], "help": "what the person does in the study"},
    }

    def work(self, study: Study, options: dict[str, Any]) -> None:
        person = person_at(options["email"])
        if options["role"] == READER:
            reader = enrol_reader(study=study, person=person, actor=None)
            self.stdout.write(f"{person} reads in '{study.slug}' as {reader.pseudonym}")
            return
        add_member(study=study, person=person, role=Role(options["role"]), actor=None)
        self.stdout.write(f"{person} is {Role(options['role']).label} of '{study.slug}'")
        if options["role"] == Role.STUDY_ADMIN:
            why = why_not(person, study)
            said = f"not eligible, for {person} {why}" if why else "eligible"
            self.stdout.write(f"as one of the two who open its key: {said}")
