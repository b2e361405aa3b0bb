from django.urls import path

from readerstudy.study import views as admin_views
from readerstudy.study.design import audit_views, case_set_views, protocol_views
from readerstudy.study.people import views as people_views
from readerstudy.study.reading import preview, views

app_name = "study"
urlpatterns = [
    path("read/<slug:slug>/", views.reading, name="reading"),
    path("read/<slug:slug>/state/", views.state, name="state"),
    path("read/<slug:slug>/frames/<uuid:public_id>/", views.frame, name="frame"),
    path("read/<slug:slug>/answers/<uuid:public_id>/", views.answers, name="answers"),
    path("read/<slug:slug>/cases/<uuid:public_id>/", views.case, name="case"),
    path("read/<slug:slug>/consent/", views.consent, name="consent"),
    path("read/<slug:slug>/terms/", views.confirm_terms, name="confirm_terms"),
    path("read/<slug:slug>/begin/", views.begin, name="begin"),
    path("read/<slug:slug>/display/", views.display, name="display"),
    path("read/<slug:slug>/keys/", views.keys, name="keys"),
    path("read/<slug:slug>/pause/", views.pause, name="pause"),
    path("studies/new/", admin_views.new, name="new"),
    path("studies/<slug:slug>/", admin_views.detail, name="detail"),
    path("invitations/<slug:token>/", people_views.invitation, name="invitation"),
    path("studies/<slug:slug>/audit/", audit_views.audit, name="audit"),
    path("studies/<slug:slug>/audit.jsonl", audit_views.audit_file, name="audit_file"),
    path("studies/<slug:slug>/people/", people_views.people, name="people"),
    path("studies/<slug:slug>/people/invite/", people_views.send, name="invite"),
    path("studies/<slug:slug>/people/remind/", people_views.remind, name="remind"),
    path("studies/<slug:slug>/people/invitations/<int:number>/", people_views.take_back, name="take_back"),
    path("studies/<slug:slug>/people/readers/<slug:pseudonym>/", people_views.withdraw, name="withdraw"),
    path(
        "studies/<slug:slug>/people/proposals/<int:number>/<slug:decision>/",
        people_views.decide,
        name="decide",
    ),
    path("studies/<slug:slug>/people/roles/<int:number>/", people_views.leave, name="leave"),
    path("studies/<slug:slug>/images/", case_set_views.images, name="images"),
    path("studies/<slug:slug>/images/sign-off/", case_set_views.sign_off, name="sign_off"),
    path("studies/<slug:slug>/terms/", case_set_views.terms, name="terms"),
    path("studies/<slug:slug>/terms/confirm/", case_set_views.confirm_terms, name="terms_confirm"),
    path("studies/<slug:slug>/terms/<slug:which>/", case_set_views.change_terms, name="terms_change"),
    path("studies/<slug:slug>/protocol/", protocol_views.protocol, name="protocol"),
    path("studies/<slug:slug>/protocol/file/", protocol_views.protocol_file, name="protocol_file"),
    path("studies/<slug:slug>/protocol/import/", protocol_views.import_file, name="protocol_import"),
    path("studies/<slug:slug>/protocol/practice/", protocol_views.practice, name="practice"),
    path("studies/<slug:slug>/protocol/parts/<slug:part>/", protocol_views.part, name="protocol_part"),
    path("studies/<slug:slug>/protocol/new/<slug:kind>/", protocol_views.new_question, name="new_question"),
    path("studies/<slug:slug>/protocol/questions/<slug:key>/", protocol_views.question, name="question"),
    path(
        "studies/<slug:slug>/protocol/questions/<slug:key>/<slug:step>/",
        protocol_views.question_step,
        name="question_step",
    ),
    path("studies/<slug:slug>/preview/", preview.page, name="preview"),
    path("studies/<slug:slug>/preview/state/<int:place>/", preview.state, name="preview_state"),
    path("studies/<slug:slug>/preview/frames/<slug:name>/", preview.frame, name="preview_frame"),
    path("studies/<slug:slug>/preview/answers/<int:place>/", preview.answers, name="preview_answers"),
    path("studies/<slug:slug>/preview/go/<int:place>/", preview.go, name="preview_go"),
    path("studies/<slug:slug>/preview/stay/<int:place>/", preview.stay, name="preview_stay"),
    path("studies/<slug:slug>/copy/", protocol_views.copy, name="copy"),
    path("studies/<slug:slug>/locked-protocol.json", admin_views.locked_file, name="locked_file"),
    path("studies/<slug:slug>/lock/", admin_views.lock, name="lock"),
    path("studies/<slug:slug>/steps/<slug:step>/", admin_views.step, name="step"),
]
