"""What Airflow is told about this provider.

Every ``airflow`` process calls this, so it imports nothing. It is held against Airflow's own schema
by a test: a malformed answer would break every ``airflow`` command.
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
            "Convert backups to snapshots and copy images between regions at DigitalOcean."
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
                        "host": "empty: https://api.digitalocean.com",
                    },
                },
                "conn-fields": {
                    "connect_timeout": _seconds(
                        "Connect timeout", "Seconds until a connection must stand; 10 if empty."
                    ),
                    "read_timeout": _seconds(
                        "Read timeout", "Seconds until the API must have answered; 30 if empty."
                    ),
                    "max_retries": {
                        "label": "Retries",
                        "description": (
                            "How often a failed request is sent again at most, where that does no "
                            "harm; 4 if empty."
                        ),
                        "schema": {"type": ["integer", "null"], "minimum": 0},
                    },
                    "rate_limit_reserve": {
                        "label": "Rate limit reserve",
                        "description": (
                            "Share of the token's hourly requests that is left to its other users, "
                            "from 0 to below 1; 0.5 if empty."
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
                            "true, false, or the path of a file or folder with the certificates "
                            "of authorities to trust; true if empty."
                        ),
                        "schema": {"type": ["string", "null"]},
                    },
                    "expected_team": {
                        "label": "Expected team",
                        "description": (
                            "Name or uuid of the token's team; nothing is written to another. "
                            "Needs the scope account:read."
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
