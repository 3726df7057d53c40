"""One mutant: a symbol of the package, and its replacement while tests run."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from devtools.mutant_faults import PACKAGE, Replacement


@dataclass(frozen=True)
class Mutant:
    """One fault.

    :param fault: description of the fault.
    :param symbol: module below the package, a colon, and a dotted name in it.
    :param replacement: takes the original and returns the replacement.
    :param tests: test files; at least one of their tests must fail.
    """

    name: str
    fault: str
    symbol: str
    replacement: Replacement
    tests: tuple[str, ...]


def find(mutant: Mutant) -> tuple[Any, str, Any]:
    """Return the owner of a mutant's symbol, its name there, and the original.

    :raises LookupError: if there is no such symbol.
    """
    module, _, path = mutant.symbol.partition(":")
    *parents, name = path.split(".")
    try:
        owner: Any = importlib.import_module(f"{PACKAGE}.{module}")
        for parent in parents:
            owner = getattr(owner, parent)
        return owner, name, vars(owner)[name]
    except (ImportError, AttributeError, KeyError) as error:
        raise LookupError(f"mutant {mutant.name}: there is no {mutant.symbol}") from error


def apply(mutant: Mutant) -> None:
    """Apply a mutant in this process.

    Only the symbol's module is imported before, so that modules which import the symbol later get
    the replacement.
    """
    owner, name, original = find(mutant)
    setattr(owner, name, mutant.replacement(original))
