"""Error messages for the reader of a log."""

from __future__ import annotations

import pytest

from airflow_provider_do_images.api import errors

TREE = {
    errors.InvalidInputError: errors.DigitalOceanError,
    errors.TransportError: errors.DigitalOceanError,
    errors.NotSentError: errors.TransportError,
    errors.InvalidResponseError: errors.DigitalOceanError,
    errors.UnknownStatusError: errors.InvalidResponseError,
    errors.ApiError: errors.DigitalOceanError,
    errors.AuthenticationError: errors.ApiError,
    errors.PermissionDeniedError: errors.ApiError,
    errors.NotFoundError: errors.ApiError,
    errors.UnprocessableError: errors.ApiError,
    errors.RateLimitedError: errors.ApiError,
    errors.ServerError: errors.ApiError,
}


def test_the_tree_is_as_drawn():
    """Each class has the parent that the module's docstring shows, and is in the drawing."""
    for kind, parent in TREE.items():
        assert kind.__bases__[0] is parent
        assert kind.__name__ in errors.__doc__


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.ApiError),
        (401, errors.AuthenticationError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (409, errors.ApiError),
        (422, errors.UnprocessableError),
        (429, errors.RateLimitedError),
        (500, errors.ServerError),
        (524, errors.ServerError),
    ],
)
def test_a_status_has_its_class(status, kind):
    """Every error status leads to a class of the tree."""
    assert errors.error_class(status) is kind


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        *[(errors.error_class(s)("x", status=s), False) for s in (400, 401, 403, 404, 409, 422)],
        (errors.RateLimitedError("x", status=429), False),
        *[(errors.error_class(s)("x", status=s), True) for s in (408, 425, 499, 500, 524)],
        *[(errors.ApiError("x", status=s), True) for s in (101, 103, 303)],
        (errors.ServerError("x"), True),
        (errors.TransportError("x"), True),
        (errors.NotSentError("x"), False),
        (errors.InvalidResponseError("x", status=200), True),
        (errors.UnknownStatusError("x"), True),
        (errors.InvalidInputError("x"), False),
    ],
    ids=lambda value: f"{type(value).__name__} {getattr(value, 'status', value)}",
)
def test_only_a_clear_rejection_means_that_a_write_had_no_effect(error, expected):
    """After 408, 425, 499, any 1xx, 3xx or 5xx, or a broken body the effect is unknown."""
    assert errors.may_have_taken_effect(error) is expected


def test_one_line_has_the_failure_and_the_fix():
    """Image, action, region, request, status, the API's names, attempts, and the fix."""
    error = errors.NotFoundError(
        "The resource you were accessing could not be found.",
        status=404,
        error_id="not_found",
        request_id="4d9d8375",
    )
    error.image_id, error.action_id, error.region = 7, 9, "ams3"
    error.request, error.attempts = "GET /v2/images/7/actions/9", 2

    assert str(error).startswith(
        "image 7, action 9, region ams3: The resource you were accessing could not be found. "
        "(GET /v2/images/7/actions/9, status 404, not_found, request id 4d9d8375, sent 2 times). "
        "Not found in this account"
    )


def test_a_bare_error_is_its_message():
    """Nothing is invented around a message that stands alone."""
    assert str(errors.DigitalOceanError("the message")) == "the message"


def test_a_missing_scope_is_named():
    """The error of a 403 names the scope that the request needs."""
    error = errors.PermissionDeniedError("forbidden", status=403)
    error.scope = "image:update"

    assert str(error).endswith("Give the token the scope image:update.")
