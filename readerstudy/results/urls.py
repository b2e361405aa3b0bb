from django.urls import path

from readerstudy.results import views

app_name = "results"
urlpatterns = [
    path("<slug:slug>/", views.results, name="results"),
    path("<slug:slug>/ask/", views.ask, name="ask"),
    path("<slug:slug>/decline/", views.decline, name="decline"),
    path("<slug:slug>/key/", views.unblind, name="unblind"),
    path("<slug:slug>/export.zip", views.export, name="export"),
    path("<slug:slug>/report.html", views.report, name="report"),
    path("<slug:slug>/figures/<slug:name>.svg", views.figure, name="figure"),
]
