"""The rules that the simulator follows and the evidence for each, from ``table.md``.

*confirmed*: official documentation or code, a maintainer's statement, or a recorded response.
*reported*: by users or third parties. *assumed*: no source. If an assumption can affect a client, a
switch of :class:`~airflow_provider_do_images.simulator.rules.rules.Rules` changes it.
"""

from __future__ import annotations

from dataclasses import fields
from importlib import resources
from typing import NamedTuple

from airflow_provider_do_images.simulator.rules.rules import Rules


class Rule(NamedTuple):
    """One rule.

    :param number: the subject; rules of one subject have the same number.
    :param module: the module that implements it.
    :param switches: the fields of ``Rules`` that change it.
    """

    number: int
    evidence: str
    text: str
    module: str
    switches: tuple[str, ...]


def read_table() -> list[Rule]:
    """Return the rules in ``table.md``."""
    rules = []
    for line in resources.files(__package__).joinpath("table.md").read_text().splitlines()[2:]:
        number, evidence, text, module, switches = (c.strip() for c in line.split("|")[1:-1])
        names = tuple(switches.split(", ")) if switches else ()
        rules.append(Rule(int(number), evidence, text, module, names))
    return rules


def format_table() -> str:
    """Return the rules as lines of text, followed by the switches and their defaults."""
    lines = [
        f"{rule.number:>2}  {rule.evidence:<9}  {rule.text}"
        + (f"  [{', '.join(rule.switches)}]" if rule.switches else "")
        for rule in read_table()
    ]
    defaults = Rules()
    lines += ["", "Switches and their defaults (--set NAME=VALUE):"]
    lines += [
        f"    {one.name}={getattr(defaults, one.name)}"
        for one in fields(Rules)
        if one.name != "texts"
    ]
    return "\n".join(lines)
