"""What people see and click in Airflow's UI, in a real browser.

With the environment variable ``PICTURES`` it writes the pictures of the documentation anew::

    PICTURES=docs/images python3 dev.py test tests/system/test_browser.py
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from playwright.sync_api import FloatRect, Locator, Page, Route, expect, sync_playwright

from airflow_provider_do_images.simulator import Simulator
from devtools.airflow_instance import AirflowInstance

pytestmark = pytest.mark.system

PANEL = "https://cloud.digitalocean.com"
CONNECTION = "from_the_form"
TOKEN = "dop_v1_typed_into_the_form"
QUIET = ("gpu", "quic", "background-networking", "component-update", "sync")
PORTLESS_REFUSED = ("3.3.1", "3.3.2")
"""Airflows whose Test button refuses every connection without a port (apache/airflow#73298)."""


@pytest.fixture(scope="module")
def page(airflow: AirflowInstance) -> Iterator[Page]:
    """A page of a browser that is logged in, and reaches nothing but this Airflow.

    DigitalOcean's control panel is an empty page here.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("chromium is not installed")

    def answer(route: Route) -> None:
        if route.request.url.startswith(airflow.ui_url):
            route.continue_()
        elif route.request.url.startswith(f"{PANEL}/"):
            route.fulfill(body="the control panel")
        else:
            route.abort()

    expect.set_options(timeout=30_000)  # the machine may have other things to do
    with sync_playwright() as playwright:
        arguments = ["--no-first-run", *(f"--disable-{name}" for name in QUIET)]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        context = browser.new_context(viewport={"width": 1100, "height": 1300})
        context.route("**/*", answer)
        page = context.new_page()
        page.goto(airflow.ui_url)
        page.fill("[name=username]", airflow.user)
        page.fill("[name=password]", airflow.password)
        page.click("[type=submit]")
        page.wait_for_url(f"{airflow.ui_url}/")
        yield page
        browser.close()


@pytest.fixture
def picture(page: Page, root: Path) -> Callable[..., None]:
    """Write a picture of a part of the page, or of a clip of it, if that was asked for."""

    def write(name: str, part: Locator | None = None, clip: FloatRect | None = None) -> None:
        if folder := os.environ.get("PICTURES"):
            path = root / folder / f"{name}.png"
            page.wait_for_timeout(500)  # for what still moves
            if part:
                part.screenshot(path=path)
            else:
                page.screenshot(path=path, clip=clip)

    return write


@pytest.fixture(scope="module")
def form(page: Page, airflow: AirflowInstance) -> Locator:
    """The form of a new connection of our type."""
    page.goto(f"{airflow.ui_url}/connections")
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Connection ID").fill(CONNECTION)
    form.get_by_role("combobox").fill("DigitalOcean")
    page.keyboard.press("Enter")
    return form


def test_the_form_shows_what_is_needed(form, picture):
    """Address and token have names and hints, the token is masked, and no more is shown."""
    host, token = form.get_by_label("API base URL"), form.get_by_label("API token")

    expect(host).to_have_attribute("placeholder", "https://api.digitalocean.com")
    expect(token).to_have_attribute("placeholder", "dop_v1_...")
    expect(token).to_have_attribute("type", "password")
    for name in ("login", "port", "schema"):
        expect(form.locator(f"[name={name}]")).to_have_count(0)

    token.fill(TOKEN)
    picture("connection-form", form)


def test_the_form_explains_its_own_fields(form, page, picture):
    """Each has a name and shows its default; the values that are typed are saved."""
    form.get_by_role("button", name="Extra Fields", exact=True).click()

    for name in ("connect_timeout", "read_timeout", "max_retries", "rate_limit_reserve", "verify"):
        field = form.locator(f"[name=element_{name}]")
        expect(field).to_be_visible()
    expect(form.get_by_text("(default")).to_have_count(5)

    form.locator("[name=element_max_retries]").fill("3")
    form.locator("[name=element_expected_team]").fill("My Team")
    picture("connection-form-extra", form)


def test_the_form_is_saved_and_tested(form, page, simulator):
    """Test reaches the API with the saved token, and tells what it sees and whose it is."""
    form.get_by_role("button", name="Standard Fields").click()
    form.get_by_label("API base URL").fill(simulator.url)
    form.get_by_role("button", name="Save").click()
    row = page.get_by_role("row").filter(has_text=CONNECTION)
    expect(row).to_be_visible()
    if version("apache-airflow-core") in PORTLESS_REFUSED:
        page.route(
            "**/connections/test",
            lambda route: route.continue_(
                post_data={**(route.request.post_data_json or {}), "port": None}
            ),
        )

    row.get_by_role("button", name="Test Connection").click()

    words = re.compile(r"The token works: it can access \d+ private images .* the team 'My Team'")
    expect(page.get_by_text(words).first).to_be_visible()


def follow(page: Page, name: str) -> str:
    """Click a link that opens another page, and return the address of that."""
    with page.expect_popup() as opened:
        page.get_by_role("link", name=name).click()
    address = opened.value.url
    opened.value.close()
    return address


def test_a_dag_runs_with_the_connection_and_its_links_lead_on_while_it_waits(
    airflow: AirflowInstance,
    simulator: Simulator,
    page: Page,
    held_transfers: None,
    wait_until,
    picture,
):
    """A deferred operator leads to its image and its droplet; then its run succeeds."""
    droplet = next(iter(simulator.state.droplets.values()))
    image = simulator.state.add_image("a-snapshot", regions=["nyc3"], droplet_id=droplet.id)
    conf = {"connection": CONNECTION, "image_id": image.id, "droplet_id": droplet.id}
    run_id = airflow.rest.trigger_dag("copy_of_droplet", conf)
    wait_until(lambda: airflow.rest.count_tasks("copy_of_droplet", run_id, "deferred") == 1)

    page.goto(f"{airflow.ui_url}/dags/copy_of_droplet/runs/{run_id}/tasks/copy/details")
    expect(page.get_by_text("Deferred", exact=True).first).to_be_visible()

    assert follow(page, "Image at DigitalOcean") == f"{PANEL}/images/snapshots/droplets#{image.id}"
    assert follow(page, "Droplet at DigitalOcean") == f"{PANEL}/droplets/{droplet.id}"
    picture("task-links", clip={"x": 294, "y": 60, "width": 806, "height": 295})
    ids = airflow.rest.xcom("copy_of_droplet", run_id, "copy", key="action_ids")
    simulator.state.finish_action(ids["ams3"])
    assert airflow.rest.wait_for_dag_run("copy_of_droplet", run_id) == "success"


def test_the_link_of_a_deferred_sensor_leads_to_its_image(
    airflow, simulator, example_dags, page, snapshot, held_transfers, wait_until
):
    """The sensor was given a row without a droplet, so there is that one link."""
    image = snapshot()
    conf = {"image_id": image.id, "region": "ams3"}
    run_id = airflow.rest.trigger_dag("transfer_image", conf)
    wait_until(lambda: airflow.rest.count_tasks("transfer_image", run_id, "deferred") == 1)
    page.goto(f"{airflow.ui_url}/dags/transfer_image/runs/{run_id}/tasks/wait_for_transfer/details")

    address = follow(page, "Image at DigitalOcean")

    assert address == f"{PANEL}/images/snapshots/droplets#{image.id}"
    expect(page.get_by_role("link", name="Droplet at DigitalOcean")).to_have_count(0)
    action_id = airflow.rest.xcom("transfer_image", run_id, "transfer", key="action_id")
    simulator.state.finish_action(action_id)
    assert airflow.rest.wait_for_dag_run("transfer_image", run_id) == "success"


def test_the_graph_of_the_nightly_example_is_drawn(airflow, example_dags, page, picture):
    """With the tasks of each droplet in their group."""
    airflow.rest.wait_for_dag("nightly_backup_to_snapshot")
    page.goto(f"{airflow.ui_url}/dags/nightly_backup_to_snapshot")
    page.get_by_label("Show Graph").click()
    page.get_by_label("Expand all task groups").click()
    page.get_by_label("Collapse Details Panel").click()
    page.get_by_label("Fit View").click()
    nodes = page.locator(".react-flow__node")

    expect(nodes.filter(has_text="convert")).to_have_count(1)

    page.wait_for_timeout(1000)
    boxes = [box for node in nodes.all() if (box := node.bounding_box())]
    left, top = (min(box[side] for box in boxes) - 16 for side in ("x", "y"))
    right = max(box["x"] + box["width"] for box in boxes) + 16
    bottom = max(box["y"] + box["height"] for box in boxes) + 16
    picture("dag-graph", clip={"x": left, "y": top, "width": right - left, "height": bottom - top})
