"""The front door of `customers`."""

from sadakat.customers.consumer import CONSUMERS, TRAITS
from sadakat.customers.features import ensure_feature_columns, features, register_feature, set_features
from sadakat.customers.plugs.identity import IdentityResolver as Resolver
from sadakat.customers.queries import (
    conflicts,
    customer,
    customer_rows,
    customers_of,
    find,
    merges_of,
    profiles_of,
    search,
)
from sadakat.customers.rules.identifiers import parse_identifier

__all__ = [
    "CONSUMERS",
    "TRAITS",
    "Resolver",
    "conflicts",
    "customer",
    "customer_rows",
    "customers_of",
    "ensure_feature_columns",
    "features",
    "find",
    "merges_of",
    "parse_identifier",
    "profiles_of",
    "register_feature",
    "search",
    "set_features",
]
