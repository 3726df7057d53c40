"""Tokens and their scopes."""

from __future__ import annotations

import pytest

from airflow_provider_do_images.simulator.http.tokens import ALL_SCOPES, Scopes, Tokens


def test_any_token_is_valid_until_one_is_added():
    """Once a token is added, other tokens are invalid."""
    tokens = Tokens()
    assert tokens.scopes_of("any") is ALL_SCOPES

    tokens.allow("mine")

    assert tokens.scopes_of("any") is None
    assert tokens.scopes_of("mine").allow("image:delete")


def test_a_revoked_token_is_invalid_and_the_others_are_not():
    """A token can be revoked while any token is valid."""
    tokens = Tokens()
    tokens.revoke("old")

    assert tokens.scopes_of("old") is None
    assert tokens.scopes_of("other") is ALL_SCOPES


def test_a_revoked_token_can_be_added_again():
    """A revoked token can be added again with new scopes."""
    tokens = Tokens()
    tokens.revoke("mine")
    tokens.allow("mine", {"image:read"})

    assert tokens.scopes_of("mine").allow("image:read")
    assert not tokens.scopes_of("mine").allow("image:update")


@pytest.mark.parametrize(
    ("names", "needed", "allowed"),
    [
        (None, ["image:delete", "snapshot:delete"], True),
        ([], ["image:read"], False),
        ([], [], True),
        (["image:read"], ["image:read"], True),
        (["image:read"], ["image:read", "tag:read"], False),
        (["image:update"], ["image:read"], False),
        (["api:read"], ["image:read", "tag:read"], True),
        (["api:read"], ["image:update"], False),
        (["api:read", "image:update"], ["image:read", "image:update"], True),
        (["api:write"], ["image:delete", "image:read"], True),
    ],
)
def test_all_needed_scopes_are_required(names, needed, allowed):
    """The aliases api:read and api:write include all read scopes and all scopes."""
    assert Scopes(names).allow(*needed) is allowed
