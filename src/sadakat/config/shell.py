"""What the console's shell is told: which pages exist, the words of the audit log, and the reasons that pages tell."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from sadakat.analytics.web import reasons as analytics
from sadakat.commerce.web import reasons as commerce
from sadakat.customers.web import reasons as customers
from sadakat.events.web import reasons as events
from sadakat.loyalty.web import reasons as loyalty
from sadakat.platform import audit
from sadakat.platform.access import Permission
from sadakat.platform.ui import reasons
from sadakat.platform.ui.navigation import Entry, Section, register
from sadakat.predictions.web import reasons as predictions
from sadakat.segments.web import reasons as segments


def connect() -> None:
    """Registers pages, words and reasons. Safe to call again."""
    for entry in _entries():
        register(entry)
    audit.register_words(_words())
    for context in (events, customers, commerce, segments, analytics, predictions, loyalty):
        reasons.register(context.TEMPLATES)


def _words() -> dict[str, str | Promise]:
    return {
        "events.source_created": _("Source added"),
        "events.source_changed": _("Source changed"),
        "events.source_key_renewed": _("Write key replaced"),
        "events.failed_retried": _("Events tried again"),
        "events.event_amended": _("Event mended"),
        "events.rejected_replayed": _("Rejected events tried again"),
        "events.rejected_mended": _("Rejected event mended"),
        "events.file_staged": _("File uploaded"),
        "events.file_check_asked": _("Check of a file started"),
        "events.file_import_asked": _("Import of a file started"),
        "events.file_imported": _("File imported"),
        "events.file_import_cancelled": _("Import of a file stopped"),
        "events.file_discarded": _("File discarded"),
        "events.preset_saved": _("Mapping saved"),
        "events.preset_deleted": _("Saved mapping deleted"),
        "file_name": _("File"),
        "size_bytes": _("Bytes"),
        "rows": _("Rows"),
        "accepted": _("New rows"),
        "duplicates": _("Duplicates"),
        "rejected": _("Rejected"),
        "customers.merged": _("Customers merged"),
        "customers.merge_undone": _("Merge undone"),
        "customers.conflict_decided": _("Conflict decided"),
        "commerce.currency_rate_set": _("Currency rate set"),
        "customers.exported": _("Customers exported"),
        "count": _("Customers"),
        "search": _("Search"),
        "filters": _("Filters"),
        "columns": _("Columns"),
        "segments.created": _("Segment made"),
        "segments.changed": _("Segment changed"),
        "segments.duplicated": _("Segment duplicated"),
        "segments.archived": _("Segment archived"),
        "segments.restored": _("Segment taken into use again"),
        "segments.list_added": _("Customers put on a list"),
        "segments.list_removed": _("Customers taken off a list"),
        "segments.exported": _("Members of a segment exported"),
        "segments.group_kept": _("Group of segments kept up to date"),
        "where": _("Rule"),
        "description": _("Description"),
        "customers": _("Customers"),
        "unknown": _("Not known"),
        "analytics.spend_recorded": _("Marketing spend recorded"),
        "analytics.rules_set": _("Rules of stages and types set"),
        "analytics.groups_refreshed": _("RFM, clusters and customer types computed"),
        "analytics.goal_created": _("Goal set"),
        "analytics.goal_changed": _("Goal changed"),
        "analytics.goal_archived": _("Goal archived"),
        "analytics.goal_restored": _("Goal restored"),
        "analytics.goal_judged": _("Goal judged"),
        "analytics.briefing_written": _("Briefing written"),
        "analytics.briefing_sent": _("Briefing sent"),
        "analytics.briefing_readers_chosen": _("Readers of a briefing chosen"),
        "analytics.link_created": _("Report shared"),
        "analytics.link_revoked": _("Shared report ended"),
        "target": _("Target"),
        "by_date": _("Last day"),
        "start_date": _("Start"),
        "owner_id": _("Owner"),
        "department": _("Department"),
        "readers": _("Readers"),
        "reader": _("Reader"),
        "week_start": _("Week"),
        "metric": _("Figure"),
        "period": _("Period"),
        "title": _("Title"),
        "report": _("Report"),
        "days": _("Days"),
        "analytics.funnel_kept": _("Funnel kept"),
        "analytics.funnel_deleted": _("Funnel deleted"),
        "analytics.touchpoint_saved": _("Touchpoint saved"),
        "analytics.cell_noted": _("Cell of the journey map noted"),
        "analytics.improvement_added": _("Improvement planned"),
        "analytics.improvement_changed": _("Improvement changed"),
        "predictions.trained": _("Predictions trained"),
        "predictions.scored": _("Scores computed"),
        "trained": _("Trained"),
        "refused": _("Refused"),
        "scores": _("Scores"),
        "loyalty.programme_applied": _("Programme of loyalty changed"),
        "loyalty.members_enrolled": _("Members enrolled"),
        "loyalty.tier_pinned": _("Tier pinned or unpinned"),
        "loyalty.points_redeemed": _("Points redeemed"),
        "loyalty.reward_redeemed": _("Reward redeemed"),
        "loyalty.redemption_captured": _("Held points captured"),
        "loyalty.redemption_released": _("Held points released"),
        "loyalty.redemption_reversed": _("Redemption reversed"),
        "loyalty.reward_saved": _("Reward saved"),
        "loyalty.reward_archived": _("Reward archived"),
        "loyalty.reward_put_back": _("Reward offered again"),
        "loyalty.liability_exported": _("Liability exported"),
        "loyalty.points_adjusted": _("Points adjusted"),
        "loyalty.points_transferred": _("Points transferred"),
        "loyalty.points_undone": _("Adjustment of points undone"),
        "loyalty.link_made": _("Link to the portal made"),
        "loyalty.link_renewed": _("Links to the portal ended"),
        "points": _("Points"),
        "members": _("Members"),
        "by": _("Way of enrolment"),
        "reason": _("Reason"),
        "to_member_id": _("To member"),
        "note": _("Note"),
        "due_date": _("Due"),
        "status": _("State"),
        "kind": _("Kind"),
        "namespace": _("Order id namespace"),
        "is_enabled": _("Takes events"),
        "is_trusted": _("Is trusted"),
        "accepts_orders": _("Its orders count"),
        "joins_profiles": _("Joins an anonymous visitor to a known customer"),
        "allowed_origins": _("Allowed origins"),
        "key_hint": _("Key ends in"),
        "rate": _("Rate"),
        "revenue_basis=net": _("without tax and shipping"),
        "revenue_basis=with_tax": _("with tax"),
        "revenue_basis=with_tax_and_shipping": _("with tax and shipping"),
    }


def _entries() -> list[Entry]:
    return [*_pages(), *_settings()]


def _pages() -> list[Entry]:
    return [
        Entry(section=Section.HOME, label=_("Home"), url_name="home", icon="house"),
        Entry(
            section=Section.KNOW,
            label=_("Customers"),
            url_name="customers",
            icon="users",
            permission=Permission.VIEW_CUSTOMERS,
        ),
        Entry(
            section=Section.KNOW,
            label=_("Segments"),
            url_name="segments",
            icon="funnel",
            permission=Permission.VIEW_CUSTOMERS,
        ),
        Entry(
            section=Section.KNOW,
            label=_("Stages"),
            url_name="stages",
            icon="milestone",
            permission=Permission.VIEW_ANALYTICS,
        ),
        Entry(
            section=Section.KNOW,
            label=_("Figures"),
            url_name="figures",
            icon="chart-line",
            permission=Permission.VIEW_ANALYTICS,
        ),
        Entry(
            section=Section.KNOW,
            label=_("Journey map"),
            url_name="journey_map",
            icon="map",
            permission=Permission.VIEW_ANALYTICS,
        ),
        Entry(
            section=Section.KNOW,
            label=_("Funnels"),
            url_name="funnels",
            icon="route",
            permission=Permission.VIEW_ANALYTICS,
        ),
        Entry(
            section=Section.KNOW,
            label=_("Marketing spend"),
            url_name="spend",
            icon="wallet",
            permission=Permission.VIEW_ANALYTICS,
        ),
        Entry(
            section=Section.KNOW,
            label=_("Goals"),
            url_name="goals",
            icon="target",
            permission=Permission.VIEW_ANALYTICS,
        ),
        Entry(
            section=Section.KNOW,
            label=_("Predictions"),
            url_name="predictions",
            icon="sparkles",
            permission=Permission.VIEW_ANALYTICS,
        ),
        Entry(
            section=Section.REWARD,
            label=_("Loyalty"),
            url_name="loyalty",
            icon="gift",
            permission=Permission.VIEW_CUSTOMERS,
        ),
        Entry(
            section=Section.REWARD,
            label=_("Till"),
            url_name="till",
            icon="scan-line",
            permission=Permission.USE_TILL,
        ),
        Entry(
            section=Section.PROVE,
            label=_("Proof"),
            url_name="proof",
            icon="scale",
            permission=Permission.VIEW_ANALYTICS,
        ),
    ]


def _settings() -> list[Entry]:
    return [
        Entry(
            section=Section.SETTINGS,
            label=_("Sources"),
            url_name="sources",
            icon="plug",
            permission=Permission.MANAGE_SOURCES,
        ),
        Entry(
            section=Section.SETTINGS,
            label=_("Imports"),
            url_name="imports",
            icon="file-up",
            permission=Permission.IMPORT,
        ),
        Entry(
            section=Section.SETTINGS,
            label=_("Events set aside"),
            url_name="failed_events",
            icon="triangle-alert",
            permission=Permission.MANAGE_SOURCES,
        ),
        Entry(
            section=Section.SETTINGS,
            label=_("Webhooks"),
            url_name="webhooks",
            icon="webhook",
            permission=Permission.MANAGE_SOURCES,
        ),
        Entry(
            section=Section.SETTINGS,
            label=_("Currency rates"),
            url_name="rates",
            icon="coins",
            permission=Permission.MANAGE_SPEND,
        ),
        Entry(
            section=Section.SETTINGS,
            label=_("Shared reports"),
            url_name="links",
            icon="link",
            permission=Permission.MANAGE_GOALS,
        ),
        Entry(
            section=Section.SETTINGS,
            label=_("Team"),
            url_name="team",
            icon="users-round",
            permission=Permission.MANAGE_TEAM,
        ),
        Entry(
            section=Section.SETTINGS,
            label=_("API keys"),
            url_name="api_keys",
            icon="key-round",
            permission=Permission.MANAGE_KEYS,
        ),
        Entry(
            section=Section.SETTINGS,
            label=_("Audit"),
            url_name="audit",
            icon="scroll-text",
            permission=Permission.VIEW_AUDIT,
        ),
    ]
