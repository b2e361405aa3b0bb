from django.urls import path

from readerstudy.ops import loading_views, views, workstation

app_name = "ops"
urlpatterns = [
    path("healthz/", views.health, name="health"),
    path("workstation/", workstation.workstation, name="workstation"),
    path("workstation/images/<int:number>/", workstation.image, name="workstation-image"),
    path("studies/<slug:slug>/load/", loading_views.load, name="load"),
    path("readyz/", views.readiness, name="readiness"),
]
