"""Addresses of the pages about loyalty."""

from django.urls import path

from sadakat.loyalty.web import liability, member_acts, members, pages, programme, programme_parts, rewards

urlpatterns = [
    path("loyalty/", pages.overview_page, name="loyalty"),
    path("loyalty/history/", pages.history, name="loyalty_history"),
    path("loyalty/programme/", programme.programme, name="programme"),
    path("loyalty/programme/file/", programme.download, name="programme_file"),
    path("loyalty/programme/preview/", programme.preview, name="preview_programme"),
    path("loyalty/programme/replay/", programme.what_if, name="replay_programme"),
    path("loyalty/programme/apply/", programme.apply, name="apply_programme"),
    path("loyalty/programme/basics/", programme_parts.basics, name="programme_basics"),
    path("loyalty/programme/tiers/", programme_parts.tiers, name="programme_tiers"),
    path("loyalty/programme/rules/", programme_parts.rule, name="new_programme_rule"),
    path("loyalty/programme/rules/<str:key>/", programme_parts.rule, name="programme_rule"),
    path("loyalty/programme/multipliers/", programme_parts.multiplier, name="new_programme_multiplier"),
    path("loyalty/programme/multipliers/<str:key>/", programme_parts.multiplier, name="programme_multiplier"),
    path("loyalty/rewards/", rewards.rewards, name="rewards"),
    path("loyalty/rewards/new/", rewards.edit, name="new_reward"),
    path("loyalty/rewards/<str:key>/", rewards.edit, name="reward"),
    path("loyalty/rewards/<str:key>/archive/", rewards.archive, name="archive_reward"),
    path("loyalty/members/", members.members, name="members"),
    path("loyalty/members/<int:member_id>/", members.member, name="member"),
    path("loyalty/members/<int:member_id>/adjust/", member_acts.adjust, name="adjust_points"),
    path("loyalty/members/<int:member_id>/transfer/", member_acts.transfer, name="transfer_points"),
    path("loyalty/members/<int:member_id>/tier/", member_acts.pin, name="pin_tier"),
    path("loyalty/members/<int:member_id>/household/", member_acts.join, name="join_household"),
    path("loyalty/members/<int:member_id>/household/leave/", member_acts.leave, name="leave_household"),
    path("loyalty/members/<int:member_id>/redeem/", member_acts.redeem, name="redeem_reward"),
    path("loyalty/members/<int:member_id>/operations/<int:operation_id>/undo/", member_acts.undo, name="undo_points"),
    path("loyalty/redemptions/<int:redemption_id>/reverse/", member_acts.reverse, name="reverse_redemption"),
    path("loyalty/liability/", liability.liability, name="liability"),
    path("loyalty/liability/file/", liability.download, name="liability_file"),
    path("customers/<int:customer_id>/loyalty/", members.of_customer, name="customer_loyalty"),
    path("customers/<int:customer_id>/loyalty/enrol/", member_acts.enrol, name="enrol_customer"),
]
