"""The table of rules that ``--rules`` prints."""

from __future__ import annotations

import importlib
from dataclasses import fields

from airflow_provider_do_images.simulator.rules.rules import Rules
from airflow_provider_do_images.simulator.rules.table import format_table, read_table

MARKS = {"confirmed", "reported", "assumed"}


def test_all_subjects_are_there():
    """Each subject has rules with evidence and an existing module."""
    assert {rule.number for rule in read_table()} == set(range(1, 20))
    assert {rule.evidence for rule in read_table()} == MARKS
    for rule in read_table():
        importlib.import_module(f"airflow_provider_do_images.simulator.{rule.module}")


def test_every_switch_belongs_to_a_rule():
    """The switches in the table are the fields of ``Rules``."""
    switches = {switch for rule in read_table() for switch in rule.switches}

    assert switches == {field.name for field in fields(Rules)}


def test_every_rule_and_default_is_printed():
    """The text has each rule and each switch with its default."""
    text = format_table()

    assert all(rule.text in text for rule in read_table())
    assert "convert_seconds=0.0" in text
