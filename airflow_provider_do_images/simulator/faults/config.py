"""Faults and switches from text: a YAML file, a line of the command line, a control request."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from airflow_provider_do_images.simulator import faults
from airflow_provider_do_images.simulator.faults import ActionFault, Fault, RequestFault
from airflow_provider_do_images.simulator.rules.rules import Rules

BASE_CLASSES = {"ActionFault", "Fault", "RequestFault"}
FAULT_CLASSES: dict[str, type[Fault]] = {
    name: getattr(faults, name)
    for name in faults.__all__
    if name not in BASE_CLASSES and name != "FaultList"
}


def load_faults(path: Path) -> list[Fault]:
    """Read the faults of a YAML file: a list of mappings as ``parse_fault`` takes them.

    :raises ValueError: with one line that says which entry is wrong and how.
    :raises OSError: if the file can not be read.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no YAML: {_one_line(error)}") from None
    if not isinstance(content, list):
        raise ValueError(f"{path} must be a list of faults, such as '- fault: ResponseLost'")
    found = []
    for number, entry in enumerate(content, 1):
        try:
            found.append(parse_fault(entry))
        except ValueError as error:
            raise ValueError(f"{path}, entry {number}: {error}") from None
    return found


def parse_fault(entry: Any) -> Fault:
    """Make a fault of a mapping: its class under ``fault``, and its parameters by their names.

    :raises ValueError: for anything else, with one line that says what is wrong.
    """
    if not isinstance(entry, Mapping) or "fault" not in entry:
        raise ValueError(f"a fault is a mapping with its class under 'fault', not {entry!r}")
    kind = FAULT_CLASSES.get(str(entry["fault"]))
    if kind is None:
        raise ValueError(
            f"no fault is named {entry['fault']!r}; there are {', '.join(FAULT_CLASSES)}"
        )
    values = {name: value for name, value in entry.items() if name != "fault"}
    known = {field.name: field for field in fields(kind) if field.init}
    types_by_name = get_type_hints(kind)
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"{kind.__name__} has no {name!r}; it has {', '.join(known)}")
        _check_type(name, value, types_by_name[name])
    return kind(**values)


def fault_to_mapping(fault: RequestFault | ActionFault | Fault) -> dict[str, Any]:
    """Return what ``parse_fault`` reads."""
    values = {field.name: getattr(fault, field.name) for field in fields(fault) if field.init}
    return {"fault": type(fault).__name__, **values}


def apply_settings(rules: Rules, settings: list[str]) -> Rules:
    """Return the rules with settings such as ``convert_seconds=60`` applied.

    :raises ValueError: for an unknown switch or a value it can not have.
    """
    hints = get_type_hints(Rules)
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or name not in hints or name == "texts":
            known = ", ".join(field.name for field in fields(Rules) if field.name != "texts")
            raise ValueError(f"{setting!r} is not NAME=VALUE with a switch's name: {known}")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ValueError(f"{setting!r} has no value: {_one_line(error)}") from None
        _check_type(name, value, hints[name])
        rules = replace(rules, **{name: value})
    return rules


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _check_type(name: str, value: Any, hint: Any) -> None:
    """Raise a ValueError unless the value is of the type; an int will do for a float."""
    options = get_args(hint) if get_origin(hint) is types.UnionType else (hint,)
    for option in options:
        if option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return
        if isinstance(value, option) and (option is bool or not isinstance(value, bool)):
            return
    names = " or ".join("null" if o is type(None) else o.__name__ for o in options)
    raise ValueError(f"{name} must be {names}, not {value!r}")
