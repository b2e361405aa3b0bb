from django.db import migrations, models
from django.db.models import Q

DOUBTS = {
    "invitation.accepted": "took the role up by an invitation, whose link others could read",
    "person.added": "made the account behind an invitation, whose link others could read",
    "person.recovery_begun": "was given a link to a new password, which others could read",
    "person.password_set": "has a password that somebody else drew",
}


def fill_openers(apps, schema_editor):
    """Studies locked before: who was admin at the lock, and who counts, as the audit trail tells it up to there.

    Nothing after the lock adds anybody. Whoever gave a role on the server since version 0.1.0 counts; whoever was
    invited, made their account behind an invitation or got a new password by others since does not.
    """
    Event = apps.get_model("audit", "Event")
    for study in apps.get_model("study", "Study").objects.exclude(phase="draft"):
        own = Event.objects.filter(study=study.key).order_by("pk")
        locked = own.filter(kind="study.locked").last()
        if locked is None:
            raise ValueError(f"study {study.slug}: its audit trail holds no lock; restore it from a backup")
        before = own.filter(pk__lt=locked.pk)
        given = {}  # person's number to the last event on the server that gave the role, or 0
        for event in before.filter(kind__in=("study.role_given", "study.role_ended")):
            number = int(event.subject)
            if event.kind == "study.role_given" and event.values.get("role") == "study_admin":
                given[number] = event.pk if event.actor_id is None else 0
            elif event.kind == "study.role_ended" and event.values.get("old") == "study_admin":
                given.pop(number, None)
        admins = [(number, _doubt(Event, study, number, settled, locked.pk)) for number, settled in given.items()]
        study.openers = {
            "two": len(admins) > 1,
            "admins": [{"actor": number, "counts": not why, "because": why} for number, why in admins],
        }
        study.save(update_fields=["openers"])


def _doubt(Event, study, number, since, until):
    role = Q(study=study.key, kind="invitation.accepted", actor_id=number)
    account = Q(study=None, kind="person.added", actor_id=number, subject=str(number))
    password = Q(study=None, kind__in=("person.recovery_begun", "person.password_set"), subject=str(number))
    for event in Event.objects.filter(role | account | password, pk__gt=since, pk__lt=until).order_by("pk"):
        if event.kind != "invitation.accepted" or event.values.get("role") == "study_admin":
            return DOUBTS[event.kind]
    return ""


class Migration(migrations.Migration):

    dependencies = [
        ('study', '0005_proposals'),
        ('audit', '0002_append_only'),
    ]

    operations = [
        migrations.AddField(
            model_name='study',
            name='openers',
            field=models.JSONField(default=dict),
        ),
        migrations.RunPython(fill_openers, migrations.RunPython.noop),
    ]
