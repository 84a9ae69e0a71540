"""Addresses of the pages about sources."""

from django.urls import path

from sadakat.events.web import aside, imports, mapping, pages, webhooks

urlpatterns = [
    path("settings/sources/", pages.sources, name="sources"),
    path("settings/sources/new/", pages.new_source, name="new_source"),
    path("settings/sources/<int:source_id>/", pages.source, name="source"),
    path("settings/sources/<int:source_id>/live/", pages.live, name="source_live"),
    path("settings/sources/<int:source_id>/key/", pages.renew_key, name="renew_source_key"),
    path("settings/sources/<int:source_id>/mapping/", mapping.mapping, name="source_mapping"),
    path("settings/sources/<int:source_id>/replay/", mapping.replay, name="replay_rejected"),
    path("settings/failed-events/", aside.aside, name="failed_events"),
    path("settings/failed-events/<int:position>/", aside.failed_event, name="failed_event"),
    path("settings/rejected-events/<int:rejected_id>/", aside.rejected_event, name="rejected_event"),
    path("settings/imports/", imports.imports, name="imports"),
    path("settings/imports/new/", imports.new_import, name="new_import"),
    path("settings/imports/presets/delete/", imports.delete_preset, name="delete_import_preset"),
    path("settings/imports/<int:import_id>/", imports.one_import, name="import"),
    path("settings/imports/<int:import_id>/mapping/", imports.import_mapping, name="import_mapping"),
    path("settings/imports/<int:import_id>/progress/", imports.import_progress, name="import_progress"),
    path("settings/imports/<int:import_id>/check/", imports.check_import, name="check_import"),
    path("settings/imports/<int:import_id>/run/", imports.run_import, name="run_import"),
    path("settings/imports/<int:import_id>/cancel/", imports.cancel_import, name="cancel_import"),
    path("settings/imports/<int:import_id>/discard/", imports.discard_import, name="discard_import"),
    path("settings/imports/<int:import_id>/rejected/", imports.rejected_file, name="import_rejected_file"),
    path("settings/webhooks/", webhooks.webhooks, name="webhooks"),
    path("settings/webhooks/new/", webhooks.new_webhook, name="new_webhook"),
    path("settings/webhooks/<int:webhook_id>/", webhooks.webhook, name="webhook"),
    path("settings/webhooks/<int:webhook_id>/act/", webhooks.act, name="webhook_act"),
    path("settings/webhooks/<int:webhook_id>/secret/", webhooks.rotate_secret, name="rotate_webhook_secret"),
    path("settings/webhooks/<int:webhook_id>/delete/", webhooks.delete_webhook, name="delete_webhook"),
    path("settings/webhooks/<int:webhook_id>/deliveries/", webhooks.deliveries, name="webhook_deliveries"),
    path("settings/webhooks/<int:webhook_id>/deliveries/<int:delivery_id>/", webhooks.redeliver, name="redeliver"),
]
