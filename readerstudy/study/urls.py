from django.urls import path

from readerstudy.study import admin_views, loading_views, views

app_name = "study"
urlpatterns = [
    path("read/<slug:slug>/", views.reading, name="reading"),
    path("read/<slug:slug>/state/", views.state, name="state"),
    path("read/<slug:slug>/frames/<uuid:public_id>/", views.frame, name="frame"),
    path("read/<slug:slug>/answers/<uuid:public_id>/", views.answers, name="answers"),
    path("read/<slug:slug>/cases/<uuid:public_id>/", views.case, name="case"),
    path("read/<slug:slug>/consent/", views.consent, name="consent"),
    path("read/<slug:slug>/begin/", views.begin, name="begin"),
    path("read/<slug:slug>/display/", views.display, name="display"),
    path("read/<slug:slug>/keys/", views.keys, name="keys"),
    path("read/<slug:slug>/pause/", views.pause, name="pause"),
    path("studies/new/", admin_views.new, name="new"),
    path("studies/<slug:slug>/", admin_views.detail, name="detail"),
    path("studies/<slug:slug>/loading/", loading_views.loading, name="loading"),
    path("studies/<slug:slug>/readers/", admin_views.enrol, name="enrol"),
    path("studies/<slug:slug>/steps/<slug:step>/", admin_views.step, name="step"),
]
