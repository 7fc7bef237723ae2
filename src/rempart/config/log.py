"""Settings about the log."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rempart.config.settings import ConfigProblem
from rempart.config.table import number

RETENTION_DAYS_MIN = 180
"""A shorter one would remove evidence before a yearly or half-yearly review could ask for it."""

RETENTION_DAYS_MAX = 36_500


def log_retention_days(path: Path, table: Mapping[str, object]) -> int:
    """Return how long reads and refusals can be opened, in days; 0 for ever."""
    if "log_retention_days" not in table:
        return 0
    days = number(path, table, "log_retention_days")
    if days and not RETENTION_DAYS_MIN <= days <= RETENTION_DAYS_MAX:
        raise ConfigProblem(
            f"{path}: log_retention_days is 0, to keep everything, or from {RETENTION_DAYS_MIN} to"
            f" {RETENTION_DAYS_MAX}."
        )
    return days
