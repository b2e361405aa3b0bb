from django.urls import path

from readerstudy.ops import loading
from readerstudy.ops.serve import guides, readiness, workstation

app_name = "ops"
urlpatterns = [
    path("healthz/", readiness.health, name="health"),
    path("readyz/", readiness.readiness, name="readiness"),
    path("help/", guides.guides, name="help"),
    path("help/<slug:name>/", guides.guide, name="guide"),
    path("workstation/", workstation.workstation, name="workstation"),
    path("workstation/images/<int:number>/", workstation.image, name="workstation-image"),
    path("studies/<slug:slug>/load/", loading.load, name="load"),
    path("studies/<slug:slug>/delete/", loading.delete, name="delete"),
    path("studies/<slug:slug>/loading/", loading.loading, name="loading"),
]
