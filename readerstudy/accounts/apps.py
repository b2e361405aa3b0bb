from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "readerstudy.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Connect sign-ins with the audit trail; groups are not used, so the admin site does not offer them."""
        from django.contrib import admin
        from django.contrib.auth.models import Group

        from readerstudy.accounts import log  # noqa: F401  (its receivers register themselves)

        if admin.site.is_registered(Group):
            admin.site.unregister(Group)
