from django.urls import path

from analysis import views

app_name = "analysis"
urlpatterns = [
    path("", views.runs, name="runs"),
    path("<slug:run_id>/", views.run, name="run"),
    path("<slug:run_id>/steps/<slug:step>/", views.step, name="step"),
    path("<slug:run_id>/figures/<slug:name>.svg", views.figure, name="figure"),
    path("<slug:run_id>/metrics.csv", views.metrics, name="metrics"),
]
