"""The faults of the mutants: each takes an original of the package and returns what replaces it."""

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
    """Return a replacement that returns a value, whatever its arguments."""
    return lambda _: lambda *_, **__: value


def decide_with(change: Callable[[Any, Any, Any, list[Any]], Any]) -> Replacement:
    """Return a replacement of ``decide`` that may change what it decided.

    :param change: takes its module, what it decided, the request and the actions.
    """

    def make(original: Any) -> Any:
        def decide(request: Any, image: Any, actions: Any) -> Any:
            actions = list(actions)
            module = importlib.import_module(original.__module__)
            return change(module, original(request, image, actions), request, actions)

        return decide

    return make


def post_on(outcome: str) -> Replacement:
    """Return a replacement of ``decide`` that submits where the outcome is this one."""

    def change(module: Any, found: Any, _request: Any, _actions: list[Any]) -> Any:
        return module.Decision.SUBMIT if getattr(found, "submission", None) == outcome else found

    return decide_with(change)


def join_errored(module: Any, found: Any, request: Any, actions: list[Any]) -> Any:
    """Attach to an errored action where a POST is due."""
    errored = [one for one in actions if one.status == "errored"]
    if found is module.Decision.SUBMIT and errored:
        return request.to_result(module.Submission.ATTACHED, errored[0])
    return found


def any_region(original: Any) -> Any:
    """Replace ``decide`` by one that takes all regions for the requested one."""

    def decide(request: Any, image: Any, actions: Any) -> Any:
        return original(request, image, [replace(a, region_slug=request.region) for a in actions])

    return decide


def outcome_as(outcome: str, wrong: str | None) -> Replacement:
    """Return a replacement of ``judge`` that reports one outcome as another, or keeps waiting."""

    def make(original: Any) -> Any:
        def judge(*arguments: Any) -> Any:
            verdict = original(*arguments)
            if verdict is None or verdict.status != outcome:
                return verdict
            return wrong and replace(verdict, status=type(verdict.status)(wrong))

        return judge

    return make


def errors_end_the_wait(original: Any) -> Any:
    """Replace ``judge`` by one for which a failed poll comes at the deadline."""

    def judge(wait: Any, look: Any, now: float) -> Any:
        failed = isinstance(look, Exception)
        return original(wait, look, max(now, wait.deadline) if failed else now)

    return judge


def completed_if_unknown(original: Any) -> Any:
    """Replace the parser by one that takes an unknown status for completed."""
    errors = importlib.import_module(f"{PACKAGE}.api.errors")

    def from_json(cls: Any, data: Any, image_id: Any = None) -> Any:
        try:
            return original.__func__(cls, data, image_id)
        except errors.UnknownStatusError:
            return original.__func__(cls, {**data, "status": "completed"}, image_id)

    return classmethod(from_json)


def without_guard(reason: str) -> Replacement:
    """Return a replacement of ``_guards`` that drops those whose reason begins so."""

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
    """Replace the session's set-up by one that follows redirects."""

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
    """Replace the rule for repeats by the one for GET."""
    return lambda _, error, **keywords: original("GET", error, **keywords)


def never_sent(original: Any) -> Any:
    """Replace the translation of lost responses by one that says that nothing was sent."""
    errors = importlib.import_module(f"{PACKAGE}.api.errors")

    def transport_error(*arguments: Any, **keywords: Any) -> Any:
        return errors.NotSentError(original(*arguments, **keywords).message)

    return transport_error


def deadline_moves(original: Any) -> Any:
    """Replace the trigger's set-up by one whose deadline counts from now."""

    def init(self: Any, *, waits: list[dict[str, Any]], **keywords: Any) -> None:
        now = time.time()
        moved = [
            {**wait, "deadline": now + wait["deadline"] - wait["started_at"]} for wait in waits
        ]
        original(self, waits=moved, **keywords)

    return init
