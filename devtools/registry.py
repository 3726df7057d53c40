"""The provider's registered classes, for tests that compare them with pages and lists."""

from __future__ import annotations

import importlib

from airflow_provider_do_images.provider_info import get_provider_info


def registered_classes(*kinds: str) -> dict[str, type]:
    """Return the classes of these kinds, such as ``operators``, by name."""
    info = get_provider_info()
    modules = [name for kind in kinds for entry in info[kind] for name in entry["python-modules"]]
    return {
        name: one
        for module in modules
        for name, one in vars(importlib.import_module(module)).items()
        if name.startswith("DigitalOcean") and one.__module__ == module
    }
