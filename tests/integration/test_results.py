"""What README.md says of the operators' results is what they return and push."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider_do_images.operators.image_actions import (
    DigitalOceanConvertImageOperator,
    DigitalOceanTransferImageOperator,
)
from airflow_provider_do_images.operators.image_replication import (
    DigitalOceanReplicateImageOperator,
)
from airflow_provider_do_images.simulator.models import Fate
from devtools.provided import provided

README = (Path(__file__).parent.parent.parent / "README.md").read_text()
[RESULTS] = re.findall(r"^\*\*Results\.\*\* (.*?)\n\n", README, re.MULTILINE | re.DOTALL)
WORDS = " ".join(RESULTS.split())


def keys(pattern):
    """Return what is named in a part of the paragraph."""
    return set(re.findall(r"`(\w+)`", re.search(pattern, WORDS)[1]))


def names(pattern):
    """Return the operators that are named in a part of the paragraph."""
    return re.split(r", | and ", re.search(pattern, WORDS)[1].lower())


@pytest.fixture
def execute(sim, connection):
    """Run an operator that does not defer, with actions that end at once.

    Returns what it returns, and the keys that it pushes besides.
    """
    sim.state.choose_fate = lambda _: Fate(seconds=0.0)

    def run(operator, **arguments):
        pushed = set()
        context = {"ti": SimpleNamespace(xcom_push=lambda key, **_: pushed.add(key))}
        return operator(task_id="t", poll_interval=0.05, **arguments).execute(context), pushed

    return run


def test_convert_and_transfer_return_one_dict(execute, backup, snapshot):
    """Its keys and the XComs beside it are those on the page."""
    transfer = {"image_id": snapshot.id, "region": "ams3"}
    for result, pushed in (
        execute(DigitalOceanConvertImageOperator, image_id=backup.id),
        execute(DigitalOceanTransferImageOperator, **transfer),
    ):
        assert set(result) == keys(r"return one dict: (.*?)\. ")
        assert pushed == keys(r"Convert and transfer also push (.*?):")


def test_replicate_returns_a_list_of_them(execute, snapshot):
    """One for each region, with XComs of its own."""
    arguments = {"image_id": snapshot.id, "regions": ["ams3", "sgp1"], "deferrable": False}

    rows, pushed = execute(DigitalOceanReplicateImageOperator, **arguments)

    assert [row["region_slug"] for row in rows] == ["ams3", "sgp1"]
    assert {frozenset(row) for row in rows} == {frozenset(keys(r"return one dict: (.*?)\. "))}
    assert pushed == keys(r"Replicate pushes (.*)")


def test_the_page_says_which_return_lists():
    """No operator is left out, and each returns what the page says."""
    returned = {
        re.match(r"DigitalOcean([A-Z][a-z]+)", name)[1].lower(): inspect.signature(one.execute)
        for name, one in provided("operators").items()
    }
    dicts = {name for name, one in returned.items() if one.return_annotation.startswith("dict")}

    assert set(names(r"^(.*?) and the sensor return one dict")) == dicts
    lists = {*names(r"(\w+) returns a list of them"), *names(r"; ([^;]*) return rows")}
    assert lists == returned.keys() - dicts
