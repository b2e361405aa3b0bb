from django.urls import path

from readerstudy.ops import views, workstation

app_name = "ops"
urlpatterns = [
    path("healthz/", views.health, name="health"),
    path("workstation/", workstation.workstation, name="workstation"),
    path("workstation/images/<int:number>/", workstation.image, name="workstation-image"),
    path("readyz/", views.readiness, name="readiness"),
]
