"""Every setting of the site, from the environment; docs/settings.md and .env.example list them."""

from pathlib import Path

from csp.constants import NONE, SELF

from readerstudy.environment import Environment, shipped
from readerstudy.logs import FORMATS, logging_config
from readerstudy.stores import cache, database, folder, storages

environment = Environment()

HOME = environment.home
DEBUG = environment.flag("DEBUG", default=False)
SECRET_KEY = environment.text("SECRET_KEY")
AUDIT_KEY = environment.text("AUDIT_KEY")
# Outside the database: what was committed to every audit chain. Best on another disk or an append-only share.
AUDIT_ANCHOR = Path(environment.text("AUDIT_ANCHOR", "") or HOME / "audit-anchor.jsonl")
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = environment.words("CSRF_TRUSTED_ORIGINS")
TLS = environment.flag("TLS", default=False)

RUNS_ROOT = folder(environment.text("RUNS_URL", ""), HOME / "runs")
ENSEMBLES_ROOT = HOME / "ensembles"
FRAMES_ROOT = folder(environment.text("FRAMES_URL", ""), HOME / "frames")
EXPORTS_ROOT = HOME / "exports"
BROKER_ROOT = HOME / "broker"
# Locked files that say who may hash a password now; one folder for all web processes of a host.
HASHING_SLOTS = HOME / "doors"

INSTALLED_APPS = [
    "readerstudy.ops.apps.Admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    # Second factors are kept and checked by allauth.mfa; it needs the account app, none of whose pages are served.
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "readerstudy.audit",
    "readerstudy.accounts",
    "readerstudy.cases",
    "readerstudy.study",
    "readerstudy.planning",
    "readerstudy.results",
    "readerstudy.ops",
    "analysis",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "readerstudy.accounts.middleware.SignInRequired",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "readerstudy.accounts.middleware.SignInLimits",
    "allauth.account.middleware.AccountMiddleware",  # gives allauth.mfa the request; nothing else of it is in use
]

ROOT_URLCONF = "readerstudy.urls"
WSGI_APPLICATION = "readerstudy.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [shipped("templates")],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "readerstudy.ops.serve.guides.foot",
            ],
            "libraries": {"lists": "readerstudy.lists"},
        },
    }
]

DATABASES = {"default": database(environment.text("DATABASE_URL", ""), HOME / "db.sqlite3")}
CACHES = {"default": cache(environment.text("CACHE_URL", ""))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
SIGN_IN_ATTEMPTS = environment.number("SIGN_IN_ATTEMPTS", 10, low=1)
SIGN_IN_PAUSE_S = 60 * environment.number("SIGN_IN_PAUSE_MINUTES", 15, low=1)
# The proxies in front, each of which adds an address to X-Forwarded-For; with 0 the header is not read.
FORWARDED_HOPS = environment.number("FORWARDED_HOPS", 0)
# Who must have a second factor: none (anyone who wants one), staff (everybody but readers), all.
READERS_FIRST = environment.flag("READERS_FIRST", default=True)
MFA_REQUIRED = environment.choice("MFA_REQUIRED", "none", among=("none", "staff", "all"))
MFA_ADAPTER = "readerstudy.accounts.factors.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1  # 30 s to either side: the clocks of closed networks drift
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
PASSWORD_RESET_TIMEOUT = 3600  # s; how long a link to a new password holds
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "accounts:sign_in"
PASSWORD_HASHERS = ["readerstudy.accounts.hashing.Hasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
    )
]

TIME_ZONE = environment.text("TIME_ZONE", "UTC")
LANGUAGE_CODE = "en"
USE_I18N = False

STORAGES = storages(
    frames=environment.text("FRAMES_URL", ""),
    runs=environment.text("RUNS_URL", ""),
    endpoint_url=environment.text("S3_ENDPOINT", ""),
    access_key=environment.text("S3_ACCESS_KEY", ""),
    secret_key=environment.text("S3_SECRET_KEY", ""),
    region_name=environment.text("S3_REGION", "us-east-1"),
)

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
STATICFILES_DIRS = [shipped("static")]
# Scripts are sent without their comments, and compressed.
STATICFILES_FINDERS = [
    "readerstudy.ops.serve.smallfiles.SmallFiles",
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "readerstudy.ops.serve.smallfiles.AdminFiles",
]
WHITENOISE_USE_FINDERS = True
# Without TLS the browser gets no year-long pinning; a hashed name would also name the release to a reader.
WHITENOISE_MAX_AGE = 60

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
# Framing, sniffing, referrers and openers are refused, and sessions kept from scripts, by Django's own defaults.
SECURE_SSL_REDIRECT = TLS
SECURE_REDIRECT_EXEMPT = [r"^healthz/$", r"^readyz/$"]  # a load balancer asks without TLS, and learns nothing
SECURE_HSTS_SECONDS = 31_536_000 if TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = TLS
SECURE_HSTS_PRELOAD = TLS
SESSION_COOKIE_SECURE = TLS
CSRF_COOKIE_SECURE = TLS
SESSION_COOKIE_AGE = environment.number("SESSION_HOURS", 12, low=1) * 3600
# Sessions live in the database, which all web processes share: a cache server that is away signs nobody out.
# Each row names its person, so that a person can see and end their own.
SESSION_ENGINE = "readerstudy.accounts.open_sessions"
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_FAILURE_VIEW = "readerstudy.accounts.views.csrf_failure"
if environment.flag("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
FILE_UPLOAD_MAX_MEMORY_SIZE = 10_000_000

EMAIL_BACKEND = f"django.core.mail.backends.{environment.text('EMAIL_BACKEND', 'console')}.EmailBackend"
EMAIL_HOST = environment.text("EMAIL_HOST", "localhost")
EMAIL_PORT = environment.number("EMAIL_PORT", 25, low=1)
EMAIL_HOST_USER = environment.text("EMAIL_USER", "")
EMAIL_HOST_PASSWORD = environment.text("EMAIL_PASSWORD", "")
EMAIL_USE_TLS = environment.flag("EMAIL_TLS", default=False)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = environment.text("EMAIL_FROM", "reader-study@localhost")

CELERY_BROKER_URL = environment.text("BROKER_URL", "atomicfs://localhost//")
# A local disk for the decoded images of sweeps; beside the runs when it is not named.
IMAGE_CACHE = Path(folder_of_images) if (folder_of_images := environment.text("IMAGE_CACHE", "")) else None
# How long a claimed unit stays its worker's without a heartbeat, in seconds.
LEASE_SECONDS = environment.number("LEASE_SECONDS", 120, low=2)
# What this host is called in the ledger; hosts that share a database need names of their own.
WORKER_HOST = environment.text("WORKER_HOST", "")
# The folders in which the pages may name images, label files and checkpoints.
DATA_ROOTS = [Path(place) for place in environment.words("DATA_ROOTS")] or [HOME / "data"]
# What researchers upload in the browser; below one of the data folders.
UPLOADS_ROOT = Path(environment.text("UPLOADS_ROOT", "") or DATA_ROOTS[0] / "uploads")
FACTORY_MODULES = environment.words("FACTORY_MODULES")
# The folder in which study admins find blind halves to load from their page.
CASE_SETS = (
    Path(folder_of_sets) if (folder_of_sets := environment.text("CASE_SETS", "")) else HOME / "case-sets"
)
# Handovers under way, with seeds, pictures and keys: never inside the site's folder, which is backed up.
HANDOVERS_ROOT = Path(environment.text("HANDOVERS_ROOT", "") or HOME.with_name(f"{HOME.name}-handovers"))

LOGGING = logging_config(
    form=environment.choice("LOG_FORMAT", "line", among=tuple(FORMATS)),
    level=environment.text("LOG_LEVEL", "WARNING"),
)
# At the foot of every page, where they are set.
FOOT_LINKS = [
    ("Imprint", environment.text("IMPRINT_URL", "")),
    ("Privacy", environment.text("PRIVACY_URL", "")),
    ("Contact", environment.text("CONTACT_URL", "")),
]
# Less than this free where the site writes is a warning, in GiB.
DISK_FREE_GB = environment.number("DISK_FREE_GB", 5)
