"""The mutants still name symbols and tests that exist."""

from __future__ import annotations

import pytest

from dev import ROOT
from devtools.mutant import find
from devtools.mutant_table import ALL, MUTANTS


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name)
def test_a_mutant_replaces_something(mutant):
    """Its symbol exists, and so do its test files."""
    _, _, original = find(mutant)

    assert mutant.replacement(original) is not original
    assert [path for path in mutant.tests if not (ROOT / path).exists()] == []


def test_no_two_mutants_have_the_same_name():
    """Each can be run by its name."""
    assert len(MUTANTS) == len(ALL)
