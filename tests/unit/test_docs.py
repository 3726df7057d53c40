"""What the documentation shows is what was run."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from airflow.secrets.environment_variables import EnvironmentVariablesBackend

from airflow_provider_do_images.hooks.digitalocean import client_for
from airflow_provider_do_images.plan import __main__ as plan
from airflow_provider_do_images.provider_info import get_provider_info
from airflow_provider_do_images.simulator import Simulator
from airflow_provider_do_images.simulator import __main__ as simulator
from airflow_provider_do_images.simulator.script import KINDS, fault_from
from dev import DOCS as DOCS_COMMAND
from devtools.provided import provided

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"
SITE = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *SITE]
CLASS_PAGES = {
    path.read_text().splitlines()[0].removeprefix("# "): path
    for path in SITE
    if path.parent.name == "classes" and path.stem != "index"
}
PARSERS = {"plan": plan._parser, "simulator": simulator.make_parser}


def name_of(page: Path) -> str:
    """Return the path of a page in the checkout."""
    return str(page.relative_to(ROOT))


@pytest.fixture
def sim():
    """A simulator with a fresh account."""
    with Simulator() as running:
        yield running


def blocks(page: Path, language: str) -> list[str]:
    """Return a page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.system
def test_the_site_is_built_without_a_warning(tmp_path):
    """Sphinx finds every page, every link's target and every name that a page refers to."""
    done = subprocess.run(
        [sys.executable, "-m", *DOCS_COMMAND[:-1], tmp_path],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    for page in SITE:
        assert (tmp_path / page.relative_to(DOCS)).with_suffix(".html").exists()


def test_what_a_page_includes_is_tested():
    """All files shown are example DAGs, which a system test runs, or those of docs/examples."""
    for page in SITE:
        for path in re.findall(r"^```\{literalinclude\} (.*)$", page.read_text(), re.MULTILINE):
            assert (page.parent / path).resolve().parent in {ROOT / "example_dags", EXAMPLES}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_on_a_page_is_python(page):
    """Every Python block compiles."""
    for block in blocks(page, "python"):
        compile(block, str(page), "exec")


@pytest.mark.parametrize("page", SITE, ids=name_of)
def test_python_on_a_page_of_the_site_runs(page):
    """What is not an included file does without an error what it says."""
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), {})  # noqa: S102 - our own page


def test_the_script_on_the_page_prints_the_backups(sim, monkeypatch, capsys):
    """docs/examples/list_backups.py has a line for each backup of each droplet."""
    droplet = sim.state.add_droplet("web-9")
    image = sim.state.add_backup(droplet, sim.clock.now())
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", "any")
    monkeypatch.setenv("DIGITALOCEAN_URL", sim.url)

    runpy.run_path(str(EXAMPLES / "list_backups.py"))

    backups = [one for one in sim.state.images.values() if one.type == "backup"]
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == len(backups)
    assert [line.split()[:2] for line in printed if "web-9" in line] == [["web-9", str(image.id)]]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_on_a_page_have_the_options_that_they_are_given(page):
    """Each command of the package is understood by its own parser."""
    text = page.read_text().replace("\\\n", " ")
    for name, arguments in re.findall(r"-m airflow_provider_do_images\.(\w+) ([^>\n`]+)", text):
        PARSERS[name]().parse_args(shlex.split(arguments))


def test_connections_on_the_pages_can_be_used(monkeypatch):
    """As a shell and Airflow read them; Airflow knows each setting, and a client can be made."""
    found = [
        shlex.split(line)[-1].split("=", 1)
        for page in PAGES
        for line in re.findall(r"^(?:export )?AIRFLOW_CONN_.*", page.read_text(), re.MULTILINE)
    ]
    [kind] = get_provider_info()["connection-types"]

    assert len(found) >= 4
    for name, value in found:
        monkeypatch.setenv(name, value)
        conn_id = name.removeprefix("AIRFLOW_CONN_").lower()
        connection = EnvironmentVariablesBackend().get_connection(conn_id)
        assert connection.conn_type == kind["connection-type"]
        assert set(connection.extra_dejson) <= set(kind["conn-fields"])
        client_for(connection, patience=0.0).close()


def test_every_class_has_a_page():
    """So has each hook, operator and sensor that Airflow is told of."""
    assert set(provided("hooks", "operators", "sensors")) == set(CLASS_PAGES)


def test_every_trigger_is_on_the_page_of_the_sensor():
    """None is known from the reference alone."""
    text = (DOCS / "classes" / "sensor.md").read_text()

    assert {name for name in provided("triggers") if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("name", CLASS_PAGES)
def test_the_page_of_a_class_shows_a_whole_dag(name):
    """One that can be pasted, not an excerpt."""
    page = CLASS_PAGES[name].read_text()

    shown = re.findall(r"^```\{literalinclude\} (.*)\n([^`]*)", page, re.MULTILINE)

    assert [path for path, options in shown if "/example_dags/" in path and ":start" not in options]


@pytest.mark.parametrize("name", CLASS_PAGES)
def test_the_parameters_on_the_page_of_a_class_are_its_own(name):
    """Each name in the table is one that the class takes."""
    page = CLASS_PAGES[name].read_text()
    module = re.search(rf"`~(airflow_provider_do_images\..*)\.{name}`", page)[1]
    one = getattr(importlib.import_module(module), name)
    taken = {key for base in one.__mro__ for key in inspect.signature(base.__init__).parameters}

    rows = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)

    assert rows
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} <= taken


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


@pytest.mark.parametrize("page", PAGES, ids=name_of)
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
