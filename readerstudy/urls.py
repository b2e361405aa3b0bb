"""Every address of the site. tests/blinding/access.py holds who may use which; an unlisted one fails."""

from django.contrib import admin
from django.urls import include, path

from readerstudy.study.views import home

handler500 = "readerstudy.ops.serve.unavailable.server_error"
urlpatterns = [
    path("", home, name="home"),
    path("accounts/", include("readerstudy.accounts.urls")),
    path("", include("readerstudy.study.urls")),
    path("studies/", include("readerstudy.planning.urls")),
    path("results/", include("readerstudy.results.urls")),
    path("", include("analysis.urls")),
    path("", include("readerstudy.ops.urls")),
    path("admin/", admin.site.urls),
]
