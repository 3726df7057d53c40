"""The options of these tests, which of them run, and an Airflow home of their own."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import tempfile
from collections.abc import Generator

import hypothesis
import pytest

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-")
atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

FIXED_SEED = 7
SHARED = ("airflow", "wheel")
"""Fixtures that take so long to make that there is to be one of each."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of these tests."""
    group = parser.getgroup("this project")
    group.addoption(
        "--system",
        action="store_true",
        help="run the tests marked 'system', which are left out otherwise, and no others",
    )
    group.addoption(
        "--fresh",
        action="store_true",
        help="draw a new seed for each random test, and more examples, instead of the fixed ones",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Choose the examples that Hypothesis tries; a busy machine fails none of them."""
    register = hypothesis.settings.register_profile
    register("fixed", derandomize=True, max_examples=40, deadline=None)
    register("fresh", max_examples=300, deadline=None)
    hypothesis.settings.load_profile("fresh" if config.getoption("fresh") else "fixed")


def pytest_xdist_auto_num_workers() -> int:
    """Use one process more than there are processors, since some tests wait for an Airflow."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    """Put tests that share such a fixture into one process, and select the tests to run."""
    for item in items:
        for name in SHARED:
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(name))  # xdist reads it next
    yield
    system = config.getoption("system")
    selected = [item for item in items if bool(item.get_closest_marker("system")) == system]
    config.hook.pytest_deselected(items=[item for item in items if item not in selected])
    items[:] = selected


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of a random test; what it finds is to name it."""
    return secrets.randbelow(10**6) if request.config.getoption("fresh") else FIXED_SEED
