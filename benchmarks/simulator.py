"""Measure the simulator: start time, GETs per second, pages of a large account.

    python3 dev.py bench simulator

The client is a separate process, so that it does not slow down the simulator.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from urllib.parse import urlsplit

from airflow_provider_do_images.simulator import Rules, Simulator

REQUESTS = 3000
CONNECTIONS = 4
STARTS = 5
SMALL, LARGE = 100, 20_000


def main() -> None:
    """Print the measurements."""
    starts = [_start() for _ in range(STARTS)]
    print(f"start after imports          {statistics.median(starts):.3f} s")
    with Simulator(rules=Rules(rate_limits=False)) as simulator:
        image = simulator.state.add_image("one")
        single = _rate(simulator, f"/v2/images/{image.id}/actions")
        print(f"GETs of a list of actions    {single:.0f} a second, {CONNECTIONS} connections")
        for rows in ("images?private=true&", "actions?"):
            path = f"/v2/{rows}per_page=50&page=2"
            _fill(simulator, SMALL)
            small = _rate(simulator, path)
            _fill(simulator, LARGE)
            large = _rate(simulator, path)
            name = rows.partition("?")[0]
            print(f"a page of 50 from {SMALL:,} {name}: {small:.0f} a second")
            print(f"... from {LARGE:,}: {large:.0f} a second, {large / small:.2f} times that")
            simulator.reset()


def _start() -> float:
    begin = time.perf_counter()
    with Simulator():
        return time.perf_counter() - begin


def _fill(simulator: Simulator, rows: int) -> None:
    state = simulator.state
    while len(state.images) < rows:
        image = state.add_image(f"image-{len(state.images)}")
    while len(state.actions) < rows:
        state.add_action(image.id, status="completed")


def _rate(simulator: Simulator, path: str) -> float:
    """Return GETs per second, measured in another process."""
    command = [sys.executable, __file__, simulator.url + path]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


async def _measure(url: str) -> float:
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    request = (
        f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer any\r\n\r\n"
    ).encode()

    async def ask(times: int) -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        for _ in range(times):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()

    begin = time.perf_counter()
    await asyncio.gather(*(ask(REQUESTS // CONNECTIONS) for _ in range(CONNECTIONS)))
    return REQUESTS / (time.perf_counter() - begin)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(asyncio.run(_measure(sys.argv[1])))
    else:
        main()
