"""Validate responses against DigitalOcean's OpenAPI specification with schemathesis."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from random import Random

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from airflow_provider_do_images.simulator import ManualClock, Rules, Simulator
from airflow_provider_do_images.simulator.routes import ENDPOINTS

ROOT = Path(__file__).parent.parent.parent.parent
PLACE = ROOT.parent / "shared" / "data" / "digitalocean-openapi-subset.yaml"
FILE = Path(os.environ.get("DIGITALOCEAN_OPENAPI", PLACE))
HEADERS = {"Authorization": "Bearer dop_v1_any"}
EXAMPLES = 30
CHECKS = [
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]

NOT_OFFERED = {
    ("POST", "/v2/droplets"): "droplets are not created",
    ("DELETE", "/v2/droplets"): "droplets are not destroyed by tag",
    ("POST", "/v2/images"): "custom images are not imported",
}
"""Operations of the specification that the simulator does not support."""

DEVIATIONS = {
    r"null is not of type \"object\".*components/schemas/region:": (
        "an action's region is null for conversions (recorded), though the schema has an object"
    ),
    r"\"(atl1|ric1)\" is not one of": (
        "newer regions are in recorded answers, and not in the specification's list"
    ),
    r"201 POST .*/actions has the action under \"action\"": (
        "the schema has the action's fields at the top, the recorded answers under `action`"
    ),
    r"422 is not among the documented statuses": (
        "a refused action is a 422 (logged), which the specification leaves to `default`"
    ),
}
"""Known deviations of the real API from its specification: a pattern and the reason."""


@pytest.fixture(scope="module")
def specification():
    """The specification, which is required in CI."""
    if not FILE.exists():
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing(f"{FILE.name} is not there; DIGITALOCEAN_OPENAPI may say where it is")
    return schemathesis.openapi.from_path(str(FILE))


@pytest.fixture(scope="module")
def simulator():
    """A simulator without rate limits and with a manual clock."""
    with Simulator(clock=ManualClock(), rules=Rules(rate_limits=False)) as running:
        yield running


def prepare(simulator):
    """Restore the default account and add a droplet action."""
    simulator.reset()
    droplet = next(iter(simulator.state.droplets.values()))
    simulator.state.begin_action("snapshot", droplet, region=droplet.region, seconds=1)


def real_ids(state, names, random):
    """Return existing ids for the path parameters."""
    kind = "droplet" if "droplet_id" in names else "image"
    if "action_id" in names:
        of_kind = [a for a in state.actions.values() if a.resource_type == kind]
        action = random.choice(of_kind)
        return {f"{kind}_id": action.resource_id, "action_id": action.id}
    if kind == "droplet":
        return {"droplet_id": random.choice(list(state.droplets))}
    images = [i for i in state.images.values() if not i.public]
    snapshots = [image for image in images if image.type == "snapshot"]
    return {
        "image_id": random.choice(images).id,
        "snapshot_id": random.choice(snapshots).id,
    }


def findings(case, answer):
    """Yield the deviations of a response."""
    try:
        case.validate_response(answer, checks=CHECKS)
    except schemathesis.errors.SchemathesisError:
        raise
    except BaseExceptionGroup as group:
        yield from (" ".join(str(error).split()) for error in group.exceptions)
    if answer.status_code == 201 and "action" in answer.json():
        yield f'201 POST {case.path} has the action under "action"'
    documented = case.operation.definition.raw["responses"]
    if str(answer.status_code) not in documented and answer.status_code == 422:
        yield "422 is not among the documented statuses"


def drive(operation, simulator):
    """Call an operation with generated requests; return the statuses and the deviations."""
    statuses, found = Counter(), Counter()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def call(case):
        if simulator.journal.count("DELETE", status=204) % 2:
            prepare(simulator)  # or nothing would be left to delete
        random = Random(f"{case.path_parameters}{case.query}{case.body}")
        if names := set(case.path_parameters or {}):
            ids = real_ids(simulator.state, names, random)
            if random.random() < 0.7:
                case.path_parameters = {name: ids[name] for name in names}
        if operation.path.endswith("{droplet_id}/actions") and random.random() < 0.3:
            case.body = {
                "type": "snapshot",
                "name": "made-here",
            }  # of the many only this is offered
        answer = case.call(base_url=simulator.url, headers=HEADERS)
        statuses[answer.status_code] += 1
        found.update(findings(case, answer))

    prepare(simulator)
    call()
    return statuses, found


def test_each_call_needs_the_scopes_of_the_specification(specification):
    """Each operation needs its scopes, except the scope of volumes."""
    needed = {(one.method, re.sub("{.*?}", "{}", one.path)): set(one.scopes) for one in ENDPOINTS}
    operations = [result.ok() for result in specification.get_all_operations()]
    asked = {
        (operation.method.upper(), re.sub("{.*?}", "{}", operation.path)): {
            scope
            for row in operation.definition.raw["security"]
            for scope in row["bearer_auth"]
            if not scope.startswith("block_storage")
        }
        for operation in operations
        if (operation.method.upper(), operation.path) not in NOT_OFFERED
    }

    assert len(asked) > 20
    assert {name: needed[name] for name in asked} == asked


def test_responses_match_the_specification(specification, simulator):
    """Every operation succeeds at least once and has no unknown deviation."""
    needed, broken, unreached = set(), Counter(), []
    for result in specification.get_all_operations():
        operation = result.ok()
        name = (operation.method.upper(), operation.path)
        statuses, found = drive(operation, simulator)
        if name in NOT_OFFERED:
            assert set(statuses) == {404}
            continue
        if not any(200 <= status < 300 for status in statuses):
            unreached.append((name, statuses))
        for finding, times in found.items():
            rows = [row for row in DEVIATIONS if re.search(row, finding)]
            needed.update(rows)
            if not rows:
                broken[name, finding] += times

    assert not broken
    assert not unreached
    assert needed == set(DEVIATIONS)
