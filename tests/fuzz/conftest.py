"""How many examples the fuzz tests try: ``FUZZ_EXAMPLES=180000`` runs them for about an hour."""

from __future__ import annotations

import os

import hypothesis
import pytest

from devtools.answer_server import AnswerServer

number = os.environ.get("FUZZ_EXAMPLES")


def use_long_profile():
    """Choose the number of examples, if it is given."""
    if number:
        hypothesis.settings.register_profile(
            "long",
            max_examples=int(number),
            deadline=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        hypothesis.settings.load_profile("long")


use_long_profile()


def pytest_sessionstart():
    """Choose it again: a folder that is named on the command line is loaded before all options."""
    use_long_profile()


def pytest_collection_modifyitems(items):
    """Let a long run take as long as it needs."""
    for item in items:
        if number and "fuzz" in str(item.path):
            item.add_marker(pytest.mark.timeout(0))


@pytest.fixture(scope="module")
def server():
    """A server whose answers each example sets."""
    with AnswerServer(lambda _: b"") as running:
        yield running
