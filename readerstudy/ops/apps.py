from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "readerstudy.ops"
    label = "ops"

    def ready(self) -> None:
        """Connect what the analysis tells with the access log."""
        from readerstudy.ops import access_log  # noqa: F401  (its receiver registers itself)
