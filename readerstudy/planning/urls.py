from django.urls import path

from readerstudy.planning import views

app_name = "planning"
urlpatterns = [
    path("<slug:slug>/planning/", views.plan, name="plan"),
    path("<slug:slug>/planning/<slug:name>.svg", views.figure, name="figure"),
]
