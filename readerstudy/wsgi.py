"""The web process."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "readerstudy.settings")
application = get_wsgi_application()
# Every page is imported before the first request is taken, or a reader would wait for that.
get_resolver().url_patterns  # noqa: B018  (a cached property that imports)
