"""Parse faults from a YAML file or a request to the control interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from airflow_provider_do_images.simulator.faults import access, actions, connections, responses
from airflow_provider_do_images.simulator.faults.base import Fault
from airflow_provider_do_images.simulator.rules.settings import check_type, parse_yaml

FAULT_CLASSES: dict[str, type[Fault]] = {
    name: item
    for module in (access, actions, connections, responses)
    for name, item in vars(module).items()
    if isinstance(item, type) and issubclass(item, Fault) and item.__module__ == module.__name__
}


def load_faults(path: Path) -> list[Fault]:
    """Read a YAML file with a list of mappings for ``parse_fault``.

    :raises ValueError: with one line that names the invalid entry and the reason.
    :raises OSError: if the file cannot be read.
    """
    content = parse_yaml(path, path.read_bytes())
    if not isinstance(content, list):
        raise ValueError(f"{path} must be a list of faults, such as '- fault: ResponseLost'")
    faults = []
    for number, entry in enumerate(content, 1):
        try:
            faults.append(parse_fault(entry))
        except ValueError as error:
            raise ValueError(f"{path}, entry {number}: {error}") from None
    return faults


def parse_fault(entry: Any) -> Fault:
    """Create a fault from a mapping of its class, under ``fault``, and its parameters.

    :raises ValueError: with one line that states the reason.
    """
    if not isinstance(entry, Mapping) or "fault" not in entry:
        raise ValueError(f"a fault is a mapping with its class under 'fault', not {entry!r}")
    kind = FAULT_CLASSES.get(str(entry["fault"]))
    if kind is None:
        known = ", ".join(FAULT_CLASSES)
        raise ValueError(f"no fault is named {entry['fault']!r}; use one of {known}")
    values = {name: value for name, value in entry.items() if name != "fault"}
    known_fields = [field.name for field in fields(kind) if field.init]
    hints = get_type_hints(kind)
    for name, value in values.items():
        if name not in known_fields:
            known = ", ".join(known_fields)
            raise ValueError(f"{kind.__name__} has no {name!r}; use one of {known}")
        check_type(name, value, hints[name])
    return kind(**values)


def fault_to_mapping(fault: Fault) -> dict[str, Any]:
    """Return the mapping for ``parse_fault``."""
    values = {field.name: getattr(fault, field.name) for field in fields(fault) if field.init}
    return {"fault": type(fault).__name__, **values}
