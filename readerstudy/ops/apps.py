from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig


class OperationsConfig(AppConfig):
    default = True
    name = "readerstudy.ops"
    label = "ops"

    def ready(self) -> None:
        """Name the Celery application that tasks are sent through; connect the access log."""
        import readerstudy.celery  # noqa: F401

        # These register themselves.
        from readerstudy.ops import records  # noqa: F401
        from readerstudy.ops.doctor import checks  # noqa: F401
        from readerstudy.ops.serve import access_log  # noqa: F401


class Admin(SimpleAdminConfig):
    """Django's admin with the site's own AdminSite, and without looking for admin modules of packages."""

    default_site = "readerstudy.ops.records.Site"
