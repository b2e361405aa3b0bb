from django.urls import path

from readerstudy.results import case_views, views

app_name = "results"
urlpatterns = [
    path("<slug:slug>/", views.results, name="results"),
    path("<slug:slug>/ask/", views.ask, name="ask"),
    path("<slug:slug>/decline/", views.decline, name="decline"),
    path("<slug:slug>/key/", views.unblind, name="unblind"),
    path("<slug:slug>/cases/", case_views.cases, name="cases"),
    path("<slug:slug>/cases/terms/", case_views.confirm_terms, name="case_terms"),
    path("<slug:slug>/cases/found.csv", case_views.cases_file, name="cases_file"),
    path("<slug:slug>/cases/<slug:key>/", case_views.case, name="case"),
    path("<slug:slug>/cases/<slug:key>/frame/", case_views.case_frame, name="case_frame"),
    path("<slug:slug>/cases/<slug:key>/small.png", case_views.case_thumbnail, name="case_thumbnail"),
    path("<slug:slug>/registration.pdf", views.registration, name="registration"),
    path("<slug:slug>/pilot/<slug:other>/", views.pilot, name="pilot"),
    path("<slug:slug>/export.zip", views.export, name="export"),
    path("<slug:slug>/labels.csv", views.labels, name="labels"),
    path("<slug:slug>/report.html", views.report, name="report"),
    path("<slug:slug>/figures/<slug:name>.svg", views.figure, name="figure"),
]
