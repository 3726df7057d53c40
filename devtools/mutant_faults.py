"""The faults of the mutants: each takes an original of the package and returns a replacement."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

PACKAGE = "airflow_provider_do_images"

Replacement = Callable[[Any], Any]


def always(value: Any) -> Replacement:
    """Return a replacement that always returns this value."""
    return lambda _: lambda *_, **__: value


def decide_with(change: Callable[[Any, Any, Any, list[Any]], Any]) -> Replacement:
    """Return a replacement of ``decide`` that can change the decision.

    :param change: takes the module, the decision, the request and the actions.
    """

    def make(original: Any) -> Any:
        def decide(request: Any, image: Any, actions: Any) -> Any:
            actions = list(actions)
            module = importlib.import_module(original.__module__)
            return change(module, original(request, image, actions), request, actions)

        return decide

    return make


def post_on(submission: str) -> Replacement:
    """Return a replacement of ``decide`` that submits instead of returning this submission."""

    def change(module: Any, found: Any, _request: Any, _actions: list[Any]) -> Any:
        return module.Decision.SUBMIT if getattr(found, "submission", None) == submission else found

    return decide_with(change)


def attach_to_errored(module: Any, found: Any, request: Any, actions: list[Any]) -> Any:
    """Attach to an errored action instead of sending a POST."""
    errored = [one for one in actions if one.status == "errored"]
    if found is module.Decision.SUBMIT and errored:
        return request.to_result(module.Submission.ATTACHED, errored[0])
    return found


def any_region(original: Any) -> Any:
    """Replace ``decide`` by one that treats all regions as the requested one."""

    def decide(request: Any, image: Any, actions: Any) -> Any:
        return original(request, image, [replace(a, region_slug=request.region) for a in actions])

    return decide


def report_status_as(status: str, wrong: str | None) -> Replacement:
    """Return a replacement of ``evaluate_poll`` that reports another status, or keeps waiting."""

    def make(original: Any) -> Any:
        def evaluate(*arguments: Any) -> Any:
            result = original(*arguments)
            if result is None or result.status != status:
                return result
            return wrong and replace(result, status=type(result.status)(wrong))

        return evaluate

    return make


def errors_end_the_wait(original: Any) -> Any:
    """Replace ``evaluate_poll`` by one that treats a failed poll as the last one."""

    def evaluate(wait: Any, read: Any, now: float) -> Any:
        failed = isinstance(read, Exception)
        return original(wait, read, max(now, wait.deadline) if failed else now)

    return evaluate


def completed_if_unknown(original: Any) -> Any:
    """Replace the parser by one that treats an unknown status as completed."""
    errors = importlib.import_module(f"{PACKAGE}.api.errors")

    def from_json(cls: Any, data: Any, image_id: Any = None) -> Any:
        try:
            return original.__func__(cls, data, image_id)
        except errors.UnknownStatusError:
            return original.__func__(cls, {**data, "status": "completed"}, image_id)

    return classmethod(from_json)


def without_guard(reason: str) -> Replacement:
    """Return a replacement of ``_guards`` without those whose reason starts with this text."""

    def make(original: Any) -> Any:
        def guards(*arguments: Any, **keywords: Any) -> Any:
            for why, ones in original(*arguments, **keywords):
                if not why.startswith(reason):
                    yield why, ones

        return guards

    return make


def no_minimum(original: Any) -> Any:
    """Replace the retention rules by those without a minimum number."""

    def reasons(group: Any, retention: Any, *arguments: Any, **keywords: Any) -> Any:
        return original(group, replace(retention, min_keep=0), *arguments, **keywords)

    return reasons


def follow_redirects(original: Any) -> Any:
    """Replace the session's ``__init__`` by one that follows redirects."""

    def init(self: Any, *arguments: Any, **keywords: Any) -> None:
        original(self, *arguments, **keywords)
        request = self._session.request
        self._session.request = lambda *a, **k: request(*a, **{**k, "allow_redirects": True})

    return init


def log_token(original: Any) -> Any:
    """Replace the authentication by one that logs its header."""

    def call(self: Any, request: Any) -> Any:
        request = original(self, request)
        logging.getLogger(PACKAGE).warning("Sending %s", request.headers)
        return request

    return call


def resend_posts(original: Any) -> Any:
    """Replace the retry rule by that of GET."""
    return lambda _, error, **keywords: original("GET", error, **keywords)


def never_sent(original: Any) -> Any:
    """Replace the error of a lost response by one that claims that nothing was sent."""
    errors = importlib.import_module(f"{PACKAGE}.api.errors")

    def transport_error(*arguments: Any, **keywords: Any) -> Any:
        return errors.NotSentError(original(*arguments, **keywords).message)

    return transport_error


def deadline_moves(original: Any) -> Any:
    """Replace the trigger's ``__init__`` by one whose deadline restarts now."""

    def init(self: Any, *, waits: list[dict[str, Any]], **keywords: Any) -> None:
        now = time.time()
        moved = [
            {**wait, "deadline": now + wait["deadline"] - wait["started_at"]} for wait in waits
        ]
        original(self, waits=moved, **keywords)

    return init
