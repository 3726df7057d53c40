"""The classes that Airflow is told of, for tests that compare pages and lists with them."""

from __future__ import annotations

import importlib

from airflow_provider_do_images.provider_info import get_provider_info


def provided(*kinds: str) -> dict[str, type]:
    """Return the classes of these kinds, such as ``operators``, by their names."""
    info = get_provider_info()
    modules = [name for kind in kinds for entry in info[kind] for name in entry["python-modules"]]
    return {
        name: one
        for module in modules
        for name, one in vars(importlib.import_module(module)).items()
        if name.startswith("DigitalOcean") and one.__module__ == module
    }
