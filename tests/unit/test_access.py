"""Who may do what."""

from types import ModuleType

import pytest


@pytest.fixture
def access(template: str) -> ModuleType:
    """The module under test: it can be imported once Django is set up."""
    from sadakat.platform import access

    return access


def test_each_role_has_exactly_the_rights_of_the_table(access: ModuleType) -> None:
    reads = {"view_customers", "view_analytics", "export"}
    plans = {"manage_segments", "manage_predictions", "manage_goals"}
    assert {str(role): {str(right) for right in rights} for role, rights in access.GRANTS.items()} == {
        "owner": reads
        | plans
        | {"edit_customers", "import", "manage_spend", "manage_sources", "manage_keys", "view_audit", "manage_team"}
        | {"manage_loyalty", "use_till"},
        "marketer": reads | plans | {"edit_customers", "import", "manage_spend", "manage_sources"},
        "loyalty_manager": reads | plans | {"edit_customers", "import", "manage_loyalty", "use_till"},
        "support": {"view_customers", "edit_customers", "use_till"},
        "analyst": reads | {"manage_segments", "manage_predictions"},
    }
    assert set(access.GRANTS) == set(access.Role)


@pytest.mark.parametrize(
    ("role", "is_active", "right", "expected"),
    [
        ("owner", True, "manage_team", True),
        ("owner", False, "view_customers", False),
        ("support", True, "view_customers", True),
        ("support", True, "export", False),
        ("marketer", True, "manage_team", False),
        ("emperor", True, "view_customers", False),
        ("", True, "view_customers", False),
    ],
)
def test_only_active_people_of_a_known_role_may(
    access: ModuleType, role: str, *, is_active: bool, right: str, expected: bool
) -> None:
    from sadakat.platform.models import User

    assert access.may(User(role=role, is_active=is_active), access.Permission(right)) is expected


def test_somebody_who_is_not_logged_in_may_nothing(access: ModuleType) -> None:
    from django.contrib.auth.models import AnonymousUser

    assert not any(access.may(AnonymousUser(), right) for right in access.Permission)


def test_every_role_and_right_has_words_of_its_own(access: ModuleType) -> None:
    for words, keys in ((access.ROLE_LABELS, access.Role), (access.PERMISSION_LABELS, access.Permission)):
        assert set(words) == set(keys)
        assert len({str(word) for word in words.values()}) == len(keys)
