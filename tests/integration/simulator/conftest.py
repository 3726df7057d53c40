"""A plain HTTP client without retries."""

from __future__ import annotations

import pytest
import requests


@pytest.fixture
def ask(sim):
    """Send one request with a read timeout."""

    def send(method, path, body=None, token="dop_v1_any", timeout=30):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.request(
            method, f"{sim.url}{path}", json=body, headers=headers, timeout=timeout
        )

    return send
