from django.urls import URLPattern, URLResolver, include, path

from analysis.views import data_sets, ensembles, findings, handovers, ratings, runs

FINDINGS = [
    path("", findings.findings, name="findings_set"),
    path("figures/<slug:figure>/", findings.findings_figure, name="findings_figure"),
    path("gallery/", findings.gallery, name="gallery"),
    path("thumbnails/<int:rank>.png", findings.findings_thumbnail, name="findings_thumbnail"),
    path("files/<path:file>", findings.findings_file, name="findings_file"),
]
RUNS: list[URLPattern | URLResolver] = [
    path("", runs.runs, name="runs"),
    path("new/", runs.new_sweep, name="new_sweep"),
    path("<slug:run_id>/", runs.run, name="run"),
    path("<slug:run_id>/progress.json", runs.progress, name="progress"),
    path("<slug:run_id>/steps/<slug:step>/", runs.step, name="step"),
    path("<slug:run_id>/units/<str:key>/retry/", runs.step, {"step": "retry"}, name="retry"),
    path("<slug:run_id>/figures/<slug:name>.svg", runs.figure, name="figure"),
    path("<slug:run_id>/metrics.csv", runs.metrics, name="metrics"),
    path("<slug:run_id>/provenance/", runs.provenance, name="provenance"),
    path("<slug:run_id>/provenance.json", runs.provenance_file, name="provenance_file"),
    path("<slug:run_id>/findings/", findings.findings, name="findings"),
    path("<slug:run_id>/findings/analyse/", findings.analyse, name="analyse"),
    path("<slug:run_id>/findings/<slug:name>/", include(FINDINGS)),
    path("<slug:run_id>/handovers/", handovers.begin, name="begin_handover"),
]
DATA_SETS = [
    path("", data_sets.data_sets, name="data_sets"),
    path("new/", data_sets.new_data_set, name="new_data_set"),
    path("new/places/", data_sets.places, name="places"),
    path("new/upload/", data_sets.upload, name="upload"),
    path("new/upload/begin/", data_sets.begin_upload, name="begin_upload"),
    path("new/upload/<slug:token>/", data_sets.uploaded, name="uploaded"),
    path("new/upload/<slug:token>/files.json", data_sets.names, name="upload_names"),
    path("new/upload/<slug:token>/files/<int:number>/", data_sets.file, name="upload_file"),
    path("<slug:slug>/", data_sets.data_set, name="data_set"),
    path("<slug:slug>/classes.svg", data_sets.classes, name="data_set_classes"),
]
ENSEMBLES = [
    path("", ensembles.ensembles, name="ensembles"),
    path("new/", ensembles.new_ensemble, name="new_ensemble"),
    path("train/", ensembles.train, name="train"),
    path("<slug:slug>/", ensembles.ensemble, name="ensemble"),
    path("<slug:slug>/curves.svg", ensembles.curves, name="curves"),
]
HANDOVERS = [
    path("new/", handovers.listed, name="listed"),
    path("<slug:token>/images/<slug:case>/", handovers.image, name="handover_image"),
    path("<slug:token>/", handovers.handover, name="handover"),
    path("<slug:token>/progress.json", handovers.progress, name="handover_progress"),
    path("<slug:token>/steps/<slug:step>/", handovers.step, name="handover_step"),
    path("<slug:token>/files/<path:name>", handovers.file, name="handover_file"),
]
RATINGS = [
    path("", ratings.ratings, name="ratings"),
    path("<slug:token>/", ratings.report, name="ratings_report"),
    path("<slug:token>/report.html", ratings.report_file, name="ratings_file"),
]

app_name = "analysis"
urlpatterns = [
    path("runs/", include(RUNS)),
    path("handovers/", include(HANDOVERS)),
    path("ratings/", include(RATINGS)),
    path("data-sets/", include(DATA_SETS)),
    path("ensembles/", include(ENSEMBLES)),
]
