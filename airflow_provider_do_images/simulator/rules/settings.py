"""Parse switches such as ``convert_seconds=60``."""

from __future__ import annotations

import types
from dataclasses import fields, replace
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from airflow_provider_do_images.simulator.rules.rules import Rules


def apply_settings(rules: Rules, settings: list[str]) -> Rules:
    """Return the rules with settings such as ``convert_seconds=60`` applied.

    :raises ValueError: for an unknown switch or an invalid value.
    """
    hints = get_type_hints(Rules)
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or name not in hints or name == "texts":
            known = ", ".join(field.name for field in fields(Rules) if field.name != "texts")
            raise ValueError(f"{setting!r} is not NAME=VALUE with one of the switches {known}")
        rules = replace(
            rules, **{name: check_type(name, parse_yaml(repr(setting), text), hints[name])}
        )
    return rules


def parse_yaml(name: object, text: str | bytes) -> Any:
    """Return the content of a YAML text.

    :param name: the subject of the error message.
    :raises ValueError: with a message of one line.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{name} is not valid YAML: {' '.join(str(error).split())}") from None


def check_type(name: str, value: Any, hint: Any) -> Any:
    """Return the value if it has the type of the hint; an int is valid as a float.

    :raises ValueError: if it has another type.
    """
    options = get_args(hint) if get_origin(hint) is types.UnionType else (hint,)
    for option in options:
        expected = int | float if option is float else option
        if isinstance(value, expected) and (option is bool or not isinstance(value, bool)):
            return value
    names = " or ".join("null" if o is type(None) else o.__name__ for o in options)
    raise ValueError(f"{name} must be {names}, not {value!r}")
