"""The provider's metadata for Airflow.

Every ``airflow`` process calls :func:`get_provider_info`, so this module imports nothing. A test
validates the result with Airflow's own schema: invalid metadata would break every ``airflow``
command.
"""

from __future__ import annotations

from typing import Any

_NAME = "DigitalOcean images"
_PACKAGE = "airflow_provider_do_images"


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata, connection form included."""
    return {
        "package-name": "airflow-provider-do-images",
        "name": _NAME,
        "description": (
            "Convert DigitalOcean backups to snapshots and copy images between regions."
        ),
        "integrations": [
            {
                "integration-name": _NAME,
                "external-doc-url": "https://docs.digitalocean.com/reference/api/",
                "tags": ["service"],
            }
        ],
        "hooks": _modules("hooks.digitalocean"),
        "operators": _modules(
            "operators.action_history",
            "operators.audit",
            "operators.restore_points",
            "operators.image_actions",
            "operators.replication",
            "operators.snapshots",
        ),
        "sensors": _modules("sensors.image_actions"),
        "triggers": _modules("triggers.image_actions"),
        "extra-links": [
            f"{_PACKAGE}.links.digitalocean.DropletLink",
            f"{_PACKAGE}.links.digitalocean.ImageLink",
        ],
        "asset-uris": [{"schemes": ["digitalocean"], "handler": f"{_PACKAGE}.assets.sanitize_uri"}],
        "connection-types": [
            {
                "connection-type": "digitalocean",
                "hook-class-name": f"{_PACKAGE}.hooks.digitalocean.DigitalOceanHook",
                "hook-name": "DigitalOcean",
                "ui-field-behaviour": {
                    "hidden-fields": ["login", "port", "schema", "extra"],
                    "relabeling": {"password": "API token", "host": "API base URL"},
                    "placeholders": {
                        "password": "dop_v1_...",
                        "host": "https://api.digitalocean.com",
                    },
                },
                "conn-fields": {
                    "connect_timeout": _seconds(
                        "Connect timeout",
                        "Timeout for opening a connection, in seconds (default 10).",
                    ),
                    "read_timeout": _seconds(
                        "Read timeout", "Timeout for a response, in seconds (default 30)."
                    ),
                    "max_retries": {
                        "label": "Maximum retries",
                        "description": (
                            "How often a failed request is resent if it is safe to repeat "
                            "(default 4)."
                        ),
                        "schema": {"type": ["integer", "null"], "minimum": 0},
                    },
                    "rate_limit_reserve": {
                        "label": "Rate limit reserve",
                        "description": (
                            "Share of the hourly requests that is left to other clients of the "
                            "token: at least 0, below 1 (default 0.5)."
                        ),
                        "schema": {
                            "type": ["number", "null"],
                            "minimum": 0,
                            "exclusiveMaximum": 1,
                        },
                    },
                    "verify": {
                        "label": "Verify certificate",
                        "description": (
                            "true, false, or the path of a file or folder with trusted CA "
                            "certificates (default true)."
                        ),
                        "schema": {"type": ["string", "null"]},
                    },
                    "expected_team": {
                        "label": "Expected team",
                        "description": (
                            "Name or UUID of the token's team. Requests that write to another "
                            "team are not sent. Needs the scope account:read."
                        ),
                        "schema": {"type": ["string", "null"]},
                    },
                },
            }
        ],
    }


def _modules(*modules: str) -> list[dict[str, Any]]:
    names = [f"{_PACKAGE}.{module}" for module in modules]
    return [{"integration-name": _NAME, "python-modules": names}]


def _seconds(label: str, description: str) -> dict[str, Any]:
    return {
        "label": label,
        "description": description,
        "schema": {"type": ["number", "null"], "exclusiveMinimum": 0},
    }
