"""One mutant: a symbol of the package, and what stands in its place while tests run."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from devtools.mutant_faults import PACKAGE, Replacement


@dataclass(frozen=True)
class Mutant:
    """One fault.

    :param fault: what the package does wrong, in words.
    :param symbol: module below the package, a colon, and a dotted name in it.
    :param replacement: takes the original and returns what stands in its place.
    :param tests: files of which one test at least must fail.
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
    """Put a mutant's fault in place, in this process.

    Only the symbol's module is imported before, so that those which import the symbol get it too.
    """
    owner, name, original = find(mutant)
    setattr(owner, name, mutant.replacement(original))
