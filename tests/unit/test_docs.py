"""What the documentation shows is what was run."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml

from airflow_provider_do_images.simulator.script import KINDS, fault_from

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """Return a page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", ["conftest.py", "test_replication.py"])
def test_the_tests_on_the_page_are_the_ones_that_run(name):
    """docs/testing-dags.md shows docs/examples word by word."""
    assert (DOCS / "examples" / name).read_text() in blocks(DOCS / "testing-dags.md", "python")


def test_the_dags_on_the_page_are_the_examples():
    """docs/pipelines.md shows three examples word by word, but for their docstrings."""
    names = ("nightly_backup_to_snapshot", "hourly_copy_audit", "replicate_on_asset")
    texts = [(ROOT / "example_dags" / f"{name}.py").read_text() for name in names]

    assert blocks(DOCS / "pipelines.md", "python") == [t.partition('"""\n\n')[2] for t in texts]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_on_a_page_is_python(page):
    """Every Python block compiles."""
    for block in blocks(page, "python"):
        compile(block, str(page), "exec")


@pytest.mark.parametrize(
    "page", [DOCS / "simulator.md", DOCS / "testing-dags.md"], ids=lambda p: p.name
)
def test_the_last_python_block_of_a_page_runs(page):
    """The snippet with a simulator of one's own does what it says."""
    exec(compile(blocks(page, "python")[-1], str(page), "exec"), {})  # noqa: S102 - our own page


def test_the_fault_file_on_the_page_is_read():
    """Every entry of the YAML example makes a fault."""
    [text] = blocks(DOCS / "simulator.md", "yaml")

    assert [type(fault_from(entry)).__name__ for entry in yaml.safe_load(text)] == [
        "LostAfter",
        "Status",
        "ActionErrors",
    ]


def test_every_fault_is_on_the_page():
    """No kind of fault is left out of the tables."""
    text = (DOCS / "simulator.md").read_text()

    assert [name for name in KINDS if f"`{name}" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page):
    """Every relative link is a file or folder of the project."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def without_numbers(text: str) -> list[str]:
    """Return the lines that tell something, with all that differs from run to run taken out."""
    text = re.sub(r"\d+ min \d+ s|\d+ s", "a while", text)
    lines = (" ".join(re.sub(r"\d+", "N", line).split()) for line in text.splitlines())
    return [line for line in lines if line and set(line) != {"─"}]


@pytest.mark.skipif("DEMO_OUTPUT" not in os.environ, reason="the demo was not run before")
def test_the_demo_ends_as_the_readme_shows():
    """Every line on the page is printed by the demo, with other numbers."""
    [shown] = blocks(ROOT / "README.md", "text")
    printed = without_numbers(Path(os.environ["DEMO_OUTPUT"]).read_text())

    assert [line for line in without_numbers(shown) if line not in printed] == []
