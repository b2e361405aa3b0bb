"""The web process."""

import os

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "readerstudy.settings")
application = get_wsgi_application()

from readerstudy.ops.doctor.checks import met  # noqa: E402  (Django must be set up first)

for fault in met(["E026"]):
    raise ImproperlyConfigured(f"{fault.msg}. {fault.hint}")
# Every page is imported before the first request is taken, or a reader would wait for that.
get_resolver().url_patterns  # noqa: B018  (a cached property that imports)
