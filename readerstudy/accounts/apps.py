from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "readerstudy.accounts"

    def ready(self) -> None:
        """Connect sign-ins with the audit trail."""
        from readerstudy.accounts import signing_in  # noqa: F401  (its receivers register themselves)
