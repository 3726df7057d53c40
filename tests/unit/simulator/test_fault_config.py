"""Parse faults and switches."""

from __future__ import annotations

import pytest

from airflow_provider_do_images.simulator import ActionErrors, ErrorStatus, Rules
from airflow_provider_do_images.simulator.faults.config import (
    FAULT_CLASSES,
    fault_to_mapping,
    load_faults,
    parse_fault,
)
from airflow_provider_do_images.simulator.rules.settings import apply_settings


@pytest.mark.parametrize("name", FAULT_CLASSES)
def test_every_fault_can_be_written_and_read(name):
    """A fault converted to a mapping is parsed to the same fault."""
    written = fault_to_mapping(FAULT_CLASSES[name]())

    assert fault_to_mapping(parse_fault(written)) == written


def test_a_file_has_a_list_of_faults(tmp_path):
    """Faults have the order and the parameters of the file."""
    file = tmp_path / "faults.yaml"
    file.write_text("- {fault: ErrorStatus, status: 503, times: null}\n- fault: ActionErrors\n")

    status, errors = load_faults(file)

    assert isinstance(status, ErrorStatus)
    assert (status.status, status.times) == (503, None)
    assert isinstance(errors, ActionErrors)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: b", "must be a list of faults"),
        ("- just text", "entry 1: a fault is a mapping"),
        ("- fault: ErrorStatus\n- fault: Nonsense", "entry 2: no fault is named 'Nonsense'"),
        ("- {fault: ErrorStatus, colour: red}", "ErrorStatus has no 'colour'; use one of"),
        ("- {fault: ErrorStatus, status: '503'}", "status must be int, not '503'"),
        ("- {fault: ErrorStatus, status: 200}", "status must be from 400 to 599"),
        ("- {fault: ErrorStatus, probability: 2}", "probability must be from 0 to 1"),
        ("- {fault: ErrorStatus, skip: -1}", "skip must be 0 or more"),
        ("- {fault: ErrorStatus, delay_seconds: .nan}", "delay_seconds must be 0 or more"),
        ("- {fault: ActionErrors, seconds: -5}", "seconds must be 0 or more"),
        ("- {fault: RateLimited, retry_after: -5}", "retry_after must be 0 or more"),
        ("- {fault: ErrorStatus, times: true}", "times must be int or null, not True"),
        ("- [", "is not valid YAML"),
        ("\xff", "is not valid YAML"),
    ],
)
def test_an_invalid_file_is_an_error_of_one_line(tmp_path, text, words):
    """The error is one line with the file and the reason."""
    file = tmp_path / "faults.yaml"
    file.write_text(text, encoding="latin-1")

    with pytest.raises(ValueError, match=words) as caught:
        load_faults(file)

    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_switches_are_set_by_name():
    """Values are YAML."""
    rules = apply_settings(Rules(), ["convert_seconds=60", "single_page_links=absent"])

    assert (rules.convert_seconds, rules.single_page_links) == (60, "absent")


@pytest.mark.parametrize(
    "setting",
    [
        "nonsense=1",
        "convert_seconds",
        "convert_seconds=soon",
        "convert_seconds=[",
        "convert_seconds=-1",
        "transfer_seconds=.nan",
        "requests_per_hour=0",
        "delete_backup=1",
        "texts={}",
    ],
)
def test_an_invalid_switch_is_an_error(setting):
    """Unknown names and invalid values are errors of one line."""
    with pytest.raises(ValueError, match=r"must be|is not NAME=VALUE|is not valid YAML") as caught:
        apply_settings(Rules(), [setting])

    assert "\n" not in str(caught.value)
