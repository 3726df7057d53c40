"""The first page: its DAG, its table of classes, its examples."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from devtools.provided import provided

try:  # Airflow 3.2 and newer
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
EXAMPLES = sorted((ROOT / "example_dags").glob("*.py"))


def test_the_dag_on_the_page_is_the_one_that_runs():
    """It is the example keep_backup, word by word, but for the docstring."""
    [block] = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    text = (ROOT / "example_dags" / "keep_backup.py").read_text()

    assert text.partition('"""\n\n')[2] == block


def test_every_class_of_the_table_exists():
    """Each row names a class by its module, and each hook, operator and sensor has a row."""
    rows = re.findall(r"^\| `(\w+(?:\.\w+)*)\.(\w+)` \|", README, re.MULTILINE)

    for module, name in rows:
        assert hasattr(importlib.import_module(f"airflow_provider_do_images.{module}"), name)
    names = [*provided("hooks", "operators", "sensors")]
    others = ["DigitalOceanImageActionTrigger", "ApiClient", "Simulator"]
    assert sorted(name for _, name in rows) == sorted(names + others)


@pytest.fixture(scope="module")
def examples():
    """The example DAGs, as Airflow's DAG processor reads them."""
    return DagBag(ROOT / "example_dags")


def test_every_example_is_a_dag_of_its_own_name(examples):
    """All files can be read without a connection, and each has one DAG named as the file."""
    assert examples.import_errors == {}
    assert sorted(examples.dags) == sorted(path.stem for path in EXAMPLES)


def test_every_example_has_retries_no_catchup_and_one_run_at_a_time(examples):
    """Deferral can cost a try, and yesterday's backup can not be converted today."""
    for dag in examples.dags.values():
        assert not dag.catchup
        assert dag.max_active_runs == 1
        assert all(task.retries >= 1 for task in dag.tasks)
