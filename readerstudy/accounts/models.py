"""People. The user model is our own from the first migration: the e-mail address is the sign-in."""

from importlib import import_module
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone


class UserManager(BaseUserManager["User"]):
    """Makes people with a normalised, lower-case address."""

    def create_user(
        self, email: str, password: str | None = None, *, hashed: str = "", **fields: Any
    ) -> "User":
        """Make a person, with a password or its hash; without either nobody can sign in as them."""
        user = self.model(email=email.strip().lower(), password=hashed, **fields)
        if not hashed:
            user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make a person who may do everything but read cases (see accounts.access)."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a person by address, whatever its case."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """One person. `specialty` and `years_reading` (years of reading radiographs) are what readers say of themselves."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    specialty = models.CharField(max_length=120, blank=True)
    years_reading = models.PositiveSmallIntegerField(null=True, blank=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects = UserManager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="email_is_lower_case"),
            models.CheckConstraint(condition=~models.Q(name=""), name="person_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Invitation(models.Model):
    """An address asked to take a role in one study, by a link that holds once and expires.

    `study` is the study's public key. The token of the link is stored as SHA-256 only. `replaces` is the
    pseudonym of the withdrawn reader whose cases a new reader takes.
    """

    study = models.UUIDField()
    email = models.EmailField()
    role = models.CharField(max_length=12)
    replaces = models.CharField(max_length=20, blank=True)
    token_sha256 = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(used_at__isnull=True) | models.Q(revoked_at__isnull=True),
                name="invitation_is_used_or_revoked",
            ),
        ]

    @property
    def role_name(self) -> str:
        """The role in words."""
        return self.role.replace("_", " ")

    def __str__(self) -> str:
        return f"{self.email} as {self.role_name}"


class OpenSession(AbstractBaseSession):
    """One session. `person` is None until somebody has signed in; `browser` is given in words, at most 60 letters."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+"
    )
    began_at = models.DateTimeField(default=timezone.now)
    browser = models.CharField(max_length=60, blank=True)

    class Meta(AbstractBaseSession.Meta):
        verbose_name = "open session"
        verbose_name_plural = "open sessions"

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        """Return the store whose table this is."""
        store: type[SessionBase] = import_module(settings.SESSION_ENGINE).SessionStore
        return store


class Attempts(models.Model):
    """How often something was attempted since a time; or that it was used up, which is once.

    `name` is a keyed hash of what is counted, so that nothing typed is kept. The row counts until `ends_at`, and no
    row goes before: in a cache a few hundred made-up names would push a lock-out out.
    """

    name = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField(default=0)
    ends_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "attempts"
