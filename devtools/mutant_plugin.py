"""A pytest plugin that applies one mutant, before any test or conftest is imported."""

from __future__ import annotations

import os

from devtools.mutant import apply
from devtools.mutant_table import MUTANTS

apply(MUTANTS[os.environ["MUTANT"]])
