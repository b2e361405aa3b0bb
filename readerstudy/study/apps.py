from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class StudyConfig(AppConfig):
    """Studies, their people, orders and answers."""

    name = "readerstudy.study"

    def ready(self) -> None:
        """Keep the database's own guards of locked studies through migrations; say whose role makes them staff."""
        from readerstudy.accounts.signing_in import staff_tests
        from readerstudy.study import guards
        from readerstudy.study.people.members import has_role

        staff_tests.add(has_role)
        pre_migrate.connect(guards.before_migrations, sender=self, dispatch_uid="study.guards.before")
        post_migrate.connect(guards.after_migrations, sender=self, dispatch_uid="study.guards.after")
