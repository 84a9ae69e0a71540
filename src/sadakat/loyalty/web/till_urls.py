"""Addresses of the till."""

from django.urls import path

from sadakat.loyalty.web import till, till_acts

urlpatterns = [
    path("till/", till.start, name="till"),
    path("till/members/<int:member_id>/", till.member, name="till_member"),
    path("till/members/<int:member_id>/points/", till_acts.points, name="till_points"),
    path("till/members/<int:member_id>/rewards/<str:key>/", till_acts.reward, name="till_reward"),
    path("till/members/<int:member_id>/link/", till_acts.link, name="till_link"),
    path("till/redemptions/<int:redemption_id>/undo/", till_acts.undo, name="till_undo"),
    path("till/enrol/", till_acts.enrol, name="till_enrol"),
    path("till/enrol/<int:customer_id>/", till_acts.enrol_customer, name="till_enrol_customer"),
    path("till/enrolling/<str:token>/", till_acts.enrolling, name="till_enrolling"),
]
