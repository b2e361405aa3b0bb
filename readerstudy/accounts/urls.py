from django.urls import path

from readerstudy.accounts import factor_views, views

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.SignIn.as_view(), name="sign_in"),
    path("sign-out/", views.SignOut.as_view(), name="sign_out"),
    path("me/", views.account, name="account"),
    path("me/profile/", views.profile, name="profile"),
    path("me/password/", views.password, name="password"),
    path("me/elsewhere/", views.elsewhere, name="elsewhere"),
    path("me/sessions/<str:name>/end/", views.end_one, name="end_session"),
    path("recover/", views.forgotten, name="forgotten"),
    path("recover/<str:token>/", views.recover, name="recover"),
    path("second-step/", views.second_step, name="second_step"),
    path("me/second-factor/", factor_views.overview, name="factors"),
    path("me/second-factor/app/", factor_views.add_app, name="add_app"),
    path("me/second-factor/app/code.svg", factor_views.app_code, name="app_code"),
    path("me/second-factor/passkey/", factor_views.add_passkey, name="add_passkey"),
    path("me/second-factor/recovery-codes/", factor_views.recovery_codes, name="recovery_codes"),
    path("me/second-factor/<int:number>/remove/", factor_views.remove_factor, name="remove_factor"),
]
