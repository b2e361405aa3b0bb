from django.urls import path

from readerstudy.ops import views

app_name = "ops"
urlpatterns = [
    path("healthz/", views.health, name="health"),
    path("readyz/", views.readiness, name="readiness"),
]
