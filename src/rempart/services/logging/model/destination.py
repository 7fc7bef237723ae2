"""Where a sink leads: a log bucket, a bucket of Cloud Storage, or a syslog server.

Source: "Route logs to supported destinations" of Cloud Logging. Syslog is ours: its servers are
those that the operator names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rempart.core.errors import invalid, unsupported
from rempart.services.logging.model.names import BucketName, bucket

_LOGGING = "logging.googleapis.com/"
_STORAGE = "storage.googleapis.com/"
_SYSLOG = "syslog.rempart.io/"
_OBJECTS = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_COLLECTOR = re.compile(r"[a-z0-9-]{1,63}")
_NOT_OFFERED = {
    "pubsub.googleapis.com": "Cloud Pub/Sub as a destination of a sink",
    "bigquery.googleapis.com": "BigQuery as a destination of a sink",
}


@dataclass(frozen=True, slots=True)
class Objects:
    """A bucket of Cloud Storage."""

    bucket: str


@dataclass(frozen=True, slots=True)
class Collector:
    """A syslog server, by the operator's name for it."""

    name: str


Target = BucketName | Objects | Collector


@dataclass(frozen=True, slots=True)
class Outbox:
    """Where entries wait that a sink takes out of the logs."""

    container: str
    sink: str


def log_bucket(name: BucketName) -> str:
    """Return the destination that a log bucket is."""
    return f"{_LOGGING}{name}"


def destination(text: str) -> Target:
    """Return where a sink leads; raises `invalid` for what is no destination of this universe."""
    if text.startswith(_LOGGING):
        target = bucket(text.removeprefix(_LOGGING), "destination")
        if log_bucket(target) == text:
            return target
    if text.startswith(_STORAGE) and _OBJECTS.fullmatch(text.removeprefix(_STORAGE)):
        return Objects(text.removeprefix(_STORAGE))
    if text.startswith(_SYSLOG) and _COLLECTOR.fullmatch(text.removeprefix(_SYSLOG)):
        return Collector(text.removeprefix(_SYSLOG))
    service = text.partition("/")[0]
    if service in _NOT_OFFERED:
        raise unsupported(_NOT_OFFERED[service], field="destination")
    message = (
        f"The destination {text[:200]!r} is none: write"
        f" {_LOGGING}projects/P/locations/L/buckets/B, {_STORAGE}BUCKET or {_SYSLOG}NAME."
    )
    raise invalid(message, field="destination")


def check_collector(
    target: Target, container: str, collectors: Mapping[str, Iterable[str]]
) -> None:
    """Raise unless a container may send to a syslog server; `collectors` says who may."""
    if isinstance(target, Collector) and container not in collectors.get(target.name, ()):
        message = f"The operator names no syslog server {target.name} for {container}."
        raise invalid(message, field="destination")
