from django.urls import path

from analysis.views import runs

app_name = "analysis"
urlpatterns = [
    path("", runs.runs, name="runs"),
    path("<slug:run_id>/", runs.run, name="run"),
    path("<slug:run_id>/steps/<slug:step>/", runs.step, name="step"),
    path("<slug:run_id>/figures/<slug:name>.svg", runs.figure, name="figure"),
    path("<slug:run_id>/metrics.csv", runs.metrics, name="metrics"),
]
