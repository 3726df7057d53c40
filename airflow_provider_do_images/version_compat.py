"""What moved between Airflow 3.1 and 3.3. The only module that may know of it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from airflow_provider_do_images.core.poller.metrics import Metrics

try:  # Airflow 3.2 and newer
    from airflow.sdk import conf
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSensorTimeout,
        AirflowSkipException,
        AirflowTaskTimeout,
    )
except ImportError:  # Airflow 3.1
    from airflow.configuration import conf  # type: ignore[assignment]
    from airflow.exceptions import (  # type: ignore[no-redef,attr-defined]
        AirflowException,
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSensorTimeout,
        AirflowSkipException,
        AirflowTaskTimeout,
    )


@cache
def metrics() -> Metrics:
    """Return Airflow's metrics, ready for use in a triggerer.

    Since 3.2 the SDK's metrics are set up in workers only, and the triggerer's own are private.
    """
    # Here, since only a triggerer needs them.
    try:  # Airflow 3.2 and newer
        from airflow.sdk.observability import stats  # noqa: PLC0415
        from airflow.sdk.observability.metrics import stats_utils  # noqa: PLC0415
    except ImportError:  # Airflow 3.1
        from airflow.stats import Stats  # noqa: PLC0415

        return cast("Metrics", Stats)
    if not hasattr(stats, "initialize"):  # Airflow 3.2
        factory = stats_utils.get_stats_factory(stats.Stats)  # type: ignore[call-arg]
        stats.Stats.initialize(factory=factory)  # type: ignore[call-arg]
        return cast("Metrics", stats.Stats)
    stats.initialize(
        factory=stats_utils.get_stats_factory(),
        export_legacy_names=conf.getboolean("metrics", "legacy_names_on", fallback=True),
    )
    return cast("Metrics", stats)


__all__ = [
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "conf",
    "metrics",
]
