"""Commands, code and links on the pages work, and the pages are complete."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import runpy
import shlex
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from airflow.secrets.environment_variables import EnvironmentVariablesBackend

from airflow_provider_do_images.cli.main import make_parser
from airflow_provider_do_images.core.results import Submission, WaitStatus
from airflow_provider_do_images.exceptions import PermanentTaskError
from airflow_provider_do_images.hooks.digitalocean import create_client
from airflow_provider_do_images.provider_info import get_provider_info
from airflow_provider_do_images.simulator import Simulator
from airflow_provider_do_images.simulator.faults.config import FAULT_CLASSES, parse_fault
from devtools import result_schema
from devtools.registry import registered_classes

try:  # Airflow 3.2 and newer
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"
ALERTS = DOCS / "alerts.md"
README = ROOT / "README.md"
SITE = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
PAGES = [README, ROOT / "CONTRIBUTING.md", *SITE]
CLASS_PAGES = {
    path.read_text().splitlines()[0].removeprefix("# "): path
    for path in SITE
    if path.parent.name == "classes" and path.stem != "index"
}


def blocks(page: Path, language: str) -> list[str]:
    """Return a page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def included_by(page: Path) -> list[tuple[Path, str]]:
    """Return the files that a page includes, each with its options."""
    found = re.findall(r"^```\{literalinclude\} (.*)\n([^`]*)", page.read_text(), re.MULTILINE)
    return [((page.parent / path).resolve(), options) for path, options in found]


def test_python_on_the_pages_runs():
    """The README's block is an example DAG, which a system test runs."""
    found = [(page, block) for page in SITE for block in blocks(page, "python")]

    assert found
    for page, block in found:
        exec(compile(block, str(page), "exec"), {})  # noqa: S102 - our own page
    [dag] = blocks(README, "python")
    assert (ROOT / "example_dags" / "first_copy.py").read_text().endswith(f'"""\n\n{dag}')


ERROR = PermanentTaskError("a copy is missing", "audit_failed")


@pytest.mark.parametrize(("error", "code"), [(ERROR, "audit_failed"), (None, "no_code")])
def test_the_alerts_carry_the_error_code(caplog, error, code):
    """The callback and the notifier of the page work with and without an exception."""
    callback, notifier, sent = {}, {}, []
    for namespace, block in zip([callback, notifier], blocks(ALERTS, "python")[:2], strict=True):
        exec(block, namespace)  # noqa: S102 - our own page
    notifier["urlopen"] = lambda request, **_: nullcontext(sent.append(request.data.decode()))
    task = SimpleNamespace(dag_id="nightly", task_id="copy", log_url="http://airflow.example")
    context = {"ti": task} | ({"exception": error} if error else {})

    for namespace in (callback, notifier):
        namespace["default_args"]["on_failure_callback"](dict(context))

    assert caplog.messages[0].startswith(f"nightly.copy failed: {code}")
    assert sent == [f"nightly.copy: {code}, log: http://airflow.example"]


def test_the_late_run_alert_is_part_of_its_dag():
    """Airflow 3.1 accepts the alert of the page, and newer versions do, too."""
    namespace = {"__name__": "page"}
    exec(blocks(ALERTS, "python")[-1], namespace)  # noqa: S102 - our own page

    [alert] = namespace["dag"].deadline
    assert alert.callback.path == "page.log_late_run"


def test_included_files_are_run_by_other_tests():
    """System tests run the example DAGs; tests of this file run the rest."""
    included = {path.parent for page in SITE for path, _ in included_by(page)}

    assert included == {ROOT / "example_dags", EXAMPLES}


def test_the_script_that_lists_backups_runs(monkeypatch, capsys):
    """It prints one line for each backup, which begins with the droplet and the image id."""
    with Simulator() as sim:
        droplet = sim.state.add_droplet("web-9")
        image = sim.state.add_backup(droplet, sim.clock.now())
        monkeypatch.setenv("DIGITALOCEAN_TOKEN", "any")
        monkeypatch.setenv("DIGITALOCEAN_URL", sim.url)

        runpy.run_path(str(EXAMPLES / "list_backups.py"))

        backups = [one for one in sim.state.images.values() if one.type == "backup"]
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == len(backups)
    assert [line.split()[:2] for line in printed if "web-9" in line] == [["web-9", str(image.id)]]


def test_commands_on_the_pages_are_accepted():
    """The parser of each command of the package accepts the options."""
    pattern = r"\bdo-images ((plan|simulator) --[^>\n`]+)"
    found = [
        command
        for page in PAGES
        for command in re.findall(pattern, page.read_text().replace("\\\n", " "))
    ]

    assert {name for _, name in found} == {"plan", "simulator"}
    for arguments, _ in found:
        make_parser().parse_args(shlex.split(arguments))


def test_connections_on_the_pages_are_valid(monkeypatch):
    """Airflow reads them from the environment, knows each setting, and the hook makes a client."""
    found = [
        shlex.split(line)[-1].split("=", 1)
        for page in PAGES
        for line in re.findall(r"^(?:export )?AIRFLOW_CONN_.*", page.read_text(), re.MULTILINE)
    ]
    [kind] = get_provider_info()["connection-types"]

    assert found
    for name, value in found:
        monkeypatch.setenv(name, value)
        conn_id = name.removeprefix("AIRFLOW_CONN_").lower()
        connection = EnvironmentVariablesBackend().get_connection(conn_id)
        assert connection.conn_type == kind["connection-type"]
        assert set(connection.extra_dejson) <= set(kind["conn-fields"])
        create_client(connection, max_rate_limit_wait=0.0).close()


def test_links_to_files_resolve():
    """Sphinx checks the pages of the site only."""
    links = [
        page.parent / link
        for page in PAGES
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    ]

    assert links
    assert [link for link in links if not link.exists()] == []


def test_every_class_is_documented():
    """Hooks, operators and sensors have a page and a row in the README."""
    names = set(registered_classes("hooks", "operators", "sensors"))
    rows = re.findall(r"^\|[^|]*\| `(DigitalOcean\w+)` \|", README.read_text(), re.MULTILINE)

    assert set(CLASS_PAGES) == names
    assert set(rows) == names
    sensor_page = (DOCS / "classes" / "sensor.md").read_text()
    assert [name for name in registered_classes("triggers") if f"`{name}`" not in sensor_page] == []


@pytest.mark.parametrize("name", CLASS_PAGES)
def test_the_page_of_a_class_is_complete(name):
    """It shows one whole DAG, and its table names parameters that the class accepts."""
    page = CLASS_PAGES[name]
    module = re.search(rf"`~(airflow_provider_do_images\..*)\.{name}`", page.read_text())[1]
    one = getattr(importlib.import_module(module), name)
    accepted = {key for base in one.__mro__ for key in inspect.signature(base.__init__).parameters}

    rows = re.findall(r"^\| (`.*?) \|", page.read_text(), re.MULTILINE)
    named = {key for row in rows for key in re.findall(r"`(\w+)`", row)}

    assert named <= accepted
    assert [
        path
        for path, options in included_by(page)
        if path.parent.name == "example_dags" and ":start" not in options
    ]


def test_every_parameter_is_documented():
    """Sphinx publishes the docstring of a class and of those that it inherits from."""
    for name, one in registered_classes("hooks", "operators", "sensors", "triggers").items():
        own = [base for base in one.__mro__ if base.__module__.startswith("airflow_provider_do")]
        text = "".join(inspect.getdoc(base) or "" for base in own)
        names = set(inspect.signature(one.__init__).parameters) - {"self", "kwargs"}
        assert (name, {key for key in names if f":param {key}:" not in text}) == (name, set())


def test_every_class_has_an_example_and_a_test():
    """The example is a DAG that a system test runs."""
    for folder in ("example_dags", "tests/integration"):
        text = "".join(path.read_text() for path in (ROOT / folder).rglob("*.py"))
        assert [
            name for name in registered_classes("operators", "sensors") if name not in text
        ] == []


def test_the_keys_of_the_rows_are_those_of_the_code():
    """``python3 -m devtools.result_schema`` writes the page; each key has a meaning."""
    page = result_schema.PAGE.read_text()

    assert result_schema.render(page) == page
    assert re.findall(r"^\| `\w+` \|[^|\n]*\| +\|", page, re.MULTILINE) == []


def test_the_values_of_the_rows_are_on_the_page():
    """Each submission and wait status has a row."""
    listed = re.findall(
        r"^\| \[?`(\w+)`.*\| [^|]+ \|$", result_schema.PAGE.read_text(), re.MULTILINE
    )

    assert {*Submission, *WaitStatus} <= set(listed)


def test_every_fault_is_documented():
    """The YAML example on the same page is a valid fault file."""
    page = DOCS / "simulator-faults.md"
    [text] = blocks(page, "yaml")

    assert [name for name in FAULT_CLASSES if f"`{name}" not in page.read_text()] == []
    assert all(parse_fault(entry) for entry in yaml.safe_load(text))


def test_the_example_dags_are_valid():
    """Retries, since deferral can cost one; no catch-up, since old backups are gone."""
    examples = DagBag(ROOT / "example_dags", safe_mode=False)

    assert examples.import_errors == {}
    assert set(examples.dags) == {path.stem for path in (ROOT / "example_dags").glob("*.py")}
    for dag in examples.dags.values():
        assert (dag.catchup, dag.max_active_runs) == (False, 1)
        assert all(task.retries >= 1 for task in dag.tasks)


def test_request_counts_of_the_readme_are_measured():
    """Each count of requests is in the table that the benchmark writes, or is the limit."""
    counts = set(re.findall(r"\d+,\d{3}|\d+(?= requests)", README.read_text()))
    measured = set(re.findall(r"[\d,]+", (DOCS / "figures" / "poller.md").read_text()))

    assert counts
    assert counts <= measured | {"5,000"}


def test_every_folder_is_on_the_page_about_the_architecture():
    """A folder of the package has a row, and the files that the page names exist."""
    package = ROOT / "airflow_provider_do_images"
    named = set(re.findall(r"`([\w/]+/|[\w/]+\.py)`", (DOCS / "architecture.md").read_text()))
    folders = {f"{path.parent.relative_to(package)}/" for path in package.rglob("*/__init__.py")}

    assert folders <= named
    assert [
        name for name in named if not ((package / name).exists() or (ROOT / name).exists())
    ] == []


def without_numbers(text: str) -> list[str]:
    """Return the lines of a text without the parts that differ between runs."""
    text = re.sub(r"\d+ min \d+ s|\d+ s", "a while", text)
    lines = (" ".join(re.sub(r"\d+", "N", line).split()) for line in text.splitlines())
    return [line for line in lines if line and set(line) != {"─"}]


@pytest.mark.skipif("DEMO_OUTPUT" not in os.environ, reason="the demo was not run before")
def test_the_demo_prints_what_the_readme_shows():
    """Only numbers may differ."""
    [shown] = blocks(README, "text")
    printed = without_numbers(Path(os.environ["DEMO_OUTPUT"]).read_text())

    assert [line for line in without_numbers(shown) if line not in printed] == []
