"""The provider's metadata matches Airflow's own schema."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import airflow
import jsonschema
import pytest
from airflow.sdk import Asset

from airflow_provider_do_images import operators
from airflow_provider_do_images.assets import copy_uri
from airflow_provider_do_images.operators.image_actions import (
    DigitalOceanConvertImageOperator,
    DigitalOceanTransferImageOperator,
)
from airflow_provider_do_images.operators.replication import (
    DigitalOceanReplicateImageOperator,
)
from airflow_provider_do_images.provider_info import get_provider_info
from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor
from devtools.registry import registered_classes

INFO = get_provider_info()
[CONNECTION] = INFO["connection-types"]


def test_it_meets_airflows_schema():
    """A malformed answer would break every ``airflow`` command."""
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())

    jsonschema.validate(INFO, schema)


def test_every_operator_can_be_imported_from_the_package():
    """The short import gives the class of the module that Airflow knows."""
    classes = registered_classes("operators")

    assert sorted(classes) == operators.__all__
    assert {name: getattr(operators, name) for name in operators.__all__} == classes


@pytest.mark.parametrize("kind", ["hooks", "operators", "sensors", "triggers"])
def test_the_modules_that_it_names_exist(kind):
    """Each can be imported and has a class of that kind."""
    for entry in INFO[kind]:
        for name in entry["python-modules"]:
            module = importlib.import_module(name)
            endings = {"hooks": "Hook", "operators": "Operator", "sensors": "Sensor"}
            assert [key for key in vars(module) if key.endswith(endings.get(kind, "Trigger"))]


def test_airflow_checks_the_addresses_of_copies():
    """The scheme of the asset events is registered, and Airflow refuses an invalid address."""
    good = copy_uri(7, "ams3")

    assert Asset(uri=good).uri == good
    for wrong in ("digitalocean://images/7", "digitalocean://droplets/7/ams3", f"{good}/x"):
        with pytest.raises(ValueError, match="digitalocean://images/"):
            Asset(uri=wrong)


def test_the_connection_type_is_that_of_the_hook():
    """Type, name and class agree with the hook's attributes."""
    module, _, name = CONNECTION["hook-class-name"].rpartition(".")
    hook = getattr(importlib.import_module(module), name)

    assert (hook.conn_type, hook.hook_name) == (
        CONNECTION["connection-type"],
        CONNECTION["hook-name"],
    )


def test_the_form_shows_what_the_hook_reads():
    """Token, URL and the settings in the extra; Airflow's other fields are hidden."""
    behaviour = CONNECTION["ui-field-behaviour"]

    assert set(behaviour["relabeling"]) == {"password", "host"}
    assert set(behaviour["hidden-fields"]) == {"login", "port", "schema", "extra"}
    assert set(CONNECTION["conn-fields"]) == {
        *("connect_timeout", "read_timeout", "max_retries"),
        *("rate_limit_reserve", "verify", "expected_team"),
    }


def test_the_links_are_those_of_the_classes():
    """Each listed link is on the operators and the sensor, and no other is."""
    listed = set(INFO["extra-links"])

    for one in (
        DigitalOceanConvertImageOperator,
        DigitalOceanTransferImageOperator,
        DigitalOceanReplicateImageOperator,
        DigitalOceanImageActionSensor,
    ):
        kinds = [type(link) for link in one.operator_extra_links]
        assert {f"{kind.__module__}.{kind.__qualname__}" for kind in kinds} == listed
