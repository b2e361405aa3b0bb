from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "readerstudy.ops"
    label = "ops"

    def ready(self) -> None:
        """Name the Celery application that tasks are sent through; connect the access log."""
        import readerstudy.celery  # noqa: F401
        from readerstudy.ops import access_log, checks  # noqa: F401  (they register themselves)
