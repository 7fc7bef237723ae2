"""Settings about the log."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rempart.config.settings import ConfigProblem
from rempart.config.table import number

RETENTION_DAYS_MIN = 180
"""A shorter one would remove evidence before a yearly or half-yearly review could ask for it."""

RETENTION_DAYS_MAX = 36_500


LOG_NUMBER_MAX = 10_000


def log_number(path: Path, table: Mapping[str, object]) -> int:
    """Return which log of this universe it is: another one begins after a backup was put back."""
    if "log_number" not in table:
        return 1
    given = number(path, table, "log_number")
    if not 1 <= given <= LOG_NUMBER_MAX:
        raise ConfigProblem(f"{path}: log_number is from 1 to {LOG_NUMBER_MAX}.")
    return given


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
