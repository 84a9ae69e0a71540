"""Addresses of log-in, account, team and audit."""

from django.urls import path

from sadakat.platform.web import account, audit, team

urlpatterns = [
    path("login/", account.log_in, name="login"),
    path("login/<str:token>/", account.log_in_by_link, name="log_in_by_link"),
    path("logout/", account.log_out, name="logout"),
    path("language/", account.set_language, name="set_language"),
    path("account/", account.account, name="account"),
    path("account/password/", account.password, name="account_password"),
    path("team/", team.people, name="team"),
    path("team/new/", team.new, name="team_new"),
    path("team/<int:user_id>/", team.person, name="team_person"),
    path("team/<int:user_id>/link/", team.link, name="team_link"),
    path("team/<int:user_id>/deactivate/", team.deactivate, name="team_deactivate"),
    path("team/<int:user_id>/reactivate/", team.reactivate, name="team_reactivate"),
    path("audit/", audit.entries, name="audit"),
]
