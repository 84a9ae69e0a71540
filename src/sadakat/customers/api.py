"""The front door of `customers`."""

from sadakat.customers.consumer import CONSUMERS, TRAITS
from sadakat.customers.exporting import export_customers
from sadakat.customers.features import (
    customers_having,
    ensure_feature_columns,
    features,
    register_feature,
    set_features,
)
from sadakat.customers.merges import conflict_count, conflicts, merge, merges, merges_of, preview_merge
from sadakat.customers.operations.by_hand import decide_conflict, merge_customers, undo_merge
from sadakat.customers.plugs.files import FILE_TARGETS, PERSON_FIELDS, read_person
from sadakat.customers.plugs.identity import IdentityResolver as Resolver
from sadakat.customers.queries import customer, customer_rows, customers_of, find, find_many, profile_named, profiles_of
from sadakat.customers.rules.filters import text_of as filter_text
from sadakat.customers.rules.identifiers import parse_identifier
from sadakat.customers.rules.traits import display_name
from sadakat.customers.searching import condition as search_condition
from sadakat.customers.searching import (
    make_filter,
    newest,
    operators_of,
    parse_filter,
    search,
    spellings,
    trait_names,
    values_of,
)
from sadakat.customers.words import label_of_trait, order_of_trait

__all__ = [
    "CONSUMERS",
    "FILE_TARGETS",
    "PERSON_FIELDS",
    "TRAITS",
    "Resolver",
    "conflict_count",
    "conflicts",
    "customer",
    "customer_rows",
    "customers_having",
    "customers_of",
    "decide_conflict",
    "display_name",
    "ensure_feature_columns",
    "export_customers",
    "features",
    "filter_text",
    "find",
    "find_many",
    "label_of_trait",
    "make_filter",
    "merge",
    "merge_customers",
    "merges",
    "merges_of",
    "newest",
    "operators_of",
    "order_of_trait",
    "parse_filter",
    "parse_identifier",
    "preview_merge",
    "profile_named",
    "profiles_of",
    "read_person",
    "register_feature",
    "search",
    "search_condition",
    "set_features",
    "spellings",
    "trait_names",
    "undo_merge",
    "values_of",
]
