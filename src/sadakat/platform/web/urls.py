"""Addresses of log-in, account, team, keys and audit."""

from django.urls import path

from sadakat.platform.web import account, audit, keys, team

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
    path("settings/keys/", keys.keys, name="api_keys"),
    path("settings/keys/new/", keys.new, name="new_api_key"),
    path("settings/keys/<int:key_id>/revoke/", keys.revoke, name="revoke_api_key"),
    path("audit/", audit.entries, name="audit"),
]
