"""Log buckets, views, sinks, exclusions and metrics: from JSON, to JSON, and their rules.

Source: google.logging.v2's logging_config.proto and logging_metrics.proto.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from rempart.core.clock import Micros, rfc3339
from rempart.core.document import boolean, camel, integer, items, only, section, text
from rempart.core.errors import CloudError, Code, invalid, required, unsupported
from rempart.services.logging.kinds import Bucket, Exclusion, Json, Metric, Sink, State, View
from rempart.services.logging.model import names
from rempart.services.logging.model.destination import destination
from rempart.services.logging.model.names import BucketName
from rempart.services.logging.model.routing import (
    ALWAYS,
    DEFAULT,
    EXCLUSIONS_MAX,
    GLOBAL,
    REQUIRED,
    quota,
)
from rempart.services.logging.query.parser import parse

RETENTION_DAYS = {DEFAULT: 30, REQUIRED: 400}
RETENTION_DAYS_MAX = 3650
DESCRIPTION_CHARS_MAX = 8000
DELETED_DAYS = 7
ALL_LOGS = "_AllLogs"
PRIVATE_LOGS = ("data_access", "access_transparency")
NOT_PRIVATE = " AND ".join(f'NOT LOG_ID("{names.AUDIT_DOMAIN}/{log}")' for log in PRIVATE_LOGS)
_CMEK = "A customer's key for log buckets"
_DAY = 86_400_000_000
Document = Mapping[str, object]


def standing(name: BucketName) -> Bucket | None:
    """Return a bucket that every container has, as it is while nobody has changed it."""
    if name.location != GLOBAL or name.id not in ALWAYS:
        return None
    return Bucket(retention_days=RETENTION_DAYS[name.id], locked=name.id == REQUIRED)


def views(name: BucketName, bucket: Bucket) -> dict[str, View]:
    """Return the views of a bucket, with those that it always has."""
    always = {ALL_LOGS: View()}
    if name.id == DEFAULT:
        always[DEFAULT] = View(filter=NOT_PRIVATE)
    return {**bucket.views, **{id_: bucket.views.get(id_, one) for id_, one in always.items()}}


# Log buckets.


def new_bucket(given: Document, now: Micros) -> Bucket:
    """Return the bucket that is asked for."""
    _check_bucket(given)
    return Bucket(
        description=description(given),
        retention_days=_days(given),
        locked=boolean(given, "locked"),
        created=now,
        updated=now,
    )


def changed_bucket(
    old: Bucket, given: Document, paths: frozenset[str], name: BucketName, now: Micros
) -> Bucket:
    """Return a bucket with the members of the mask replaced."""
    _check_bucket(given)
    if name.id == REQUIRED:
        raise _unmet(f"{REQUIRED} keeps audit logs for {RETENTION_DAYS[REQUIRED]} days, unchanged.")
    new = replace(old, updated=now)
    if "description" in paths:
        new = replace(new, description=description(given))
    if "retentionDays" in paths:
        days = _days(given)
        if old.locked and days != old.retention_days:
            raise _unmet("The log bucket is locked: its retention stays as it is.")
        new = replace(new, retention_days=days)
    if "locked" in paths:
        if old.locked and not boolean(given, "locked"):
            raise _unmet("A locked log bucket stays locked.")
        new = replace(new, locked=boolean(given, "locked"))
    return new


def check_deletable(name: BucketName, bucket: Bucket) -> None:
    """Raise where a bucket may not be deleted."""
    if name.id in ALWAYS:
        raise invalid(f"The log bucket {name.id} cannot be deleted.", field="name")
    if bucket.locked:
        raise _unmet("The log bucket is locked: it cannot be deleted.")


def expires(bucket: Bucket) -> Micros:
    """Return when a deleted bucket goes for good."""
    return Micros((bucket.updated or 0) + DELETED_DAYS * _DAY)


def keeps_since(bucket: Bucket, now: Micros) -> Micros:
    """Return the time of receipt of the oldest entries that a bucket still keeps."""
    return Micros(now - bucket.retention_days * _DAY)


def bucket_json(name: BucketName, bucket: Bucket) -> Json:
    """Return a bucket as the API shows it."""
    shown: Json = {"name": str(name), "lifecycleState": bucket.state.value}
    shown["retentionDays"] = bucket.retention_days
    shown |= {"locked": True} if bucket.locked else {}
    return shown | _about(bucket.description, bucket.created, bucket.updated)


def in_use(bucket: Bucket) -> Bucket:
    """Return a bucket; raises where it is deleted."""
    if bucket.state is not State.ACTIVE:
        raise _unmet("The log bucket is deleted; undelete it first.")
    return bucket


def _check_bucket(given: Document) -> None:
    only(
        given,
        *("name", "description", "retentionDays", "locked", "createTime", "updateTime"),
        *("lifecycleState", "analyticsEnabled", "restrictedFields", "indexConfigs"),
        "cmekSettings",
    )
    for member, what in (
        ("analyticsEnabled", "Log Analytics"),
        ("restrictedFields", "Access control by field"),
        ("indexConfigs", "Indexes of one's own"),
        ("cmekSettings", _CMEK),
    ):
        if given.get(member):
            raise unsupported(what, field=member)


def _days(given: Document) -> int:
    days = integer(given, "retentionDays") or RETENTION_DAYS[DEFAULT]
    if not 1 <= days <= RETENTION_DAYS_MAX:
        message = f"retentionDays lies between 1 and {RETENTION_DAYS_MAX}."
        raise invalid(message, field="retentionDays")
    return days


# Views.


def new_view(given: Document, now: Micros) -> View:
    """Return the view that is asked for."""
    _check_view(given)
    text_, told = checked_filter(given), description(given)
    return View(filter=text_, description=told, created=now, updated=now)


def changed_view(old: View, given: Document, paths: frozenset[str], now: Micros) -> View:
    """Return a view with the members of the mask replaced."""
    _check_view(given)
    new = replace(old, updated=now)
    if "filter" in paths:
        new = replace(new, filter=checked_filter(given))
    return replace(new, description=description(given)) if "description" in paths else new


def view_json(name: str, view: View) -> Json:
    """Return a view as the API shows it."""
    shown: Json = {"name": name, **({"filter": view.filter} if view.filter else {})}
    return shown | _about(view.description, view.created, view.updated)


def _check_view(given: Document) -> None:
    only(given, "name", "description", "filter", "createTime", "updateTime", "schema")


# Sinks and exclusions.


def new_sink(given: Document, writer: str, now: Micros) -> Sink:
    """Return the sink that is asked for; `writer` is whom it would write as."""
    _check_sink(given)
    name = names.new_id(text(given, "name"), "name")
    target = text(given, "destination")
    destination(target)
    return Sink(
        name=name,
        destination=target,
        filter=checked_filter(given),
        description=description(given),
        disabled=boolean(given, "disabled"),
        exclusions=_exclusions(given, now),
        writer=writer,
        include_children=boolean(given, "includeChildren"),
        intercept_children=boolean(given, "interceptChildren"),
        created=now,
        updated=now,
    )


def changed_sink(old: Sink, given: Document, paths: frozenset[str], now: Micros) -> Sink:
    """Return a sink with the members of the mask replaced."""
    if old.name == REQUIRED:
        raise invalid(f"The sink {REQUIRED} cannot be changed.", field="sinkName")
    whole = {**sink_json(old), **{path: given.get(path) for path in paths}}
    new = new_sink({key: value for key, value in whole.items() if key in _SUNK}, old.writer, now)
    return replace(new, name=old.name, created=old.created)


def sink_json(sink: Sink) -> Json:
    """Return a sink as the API shows it."""
    shown: Json = {"name": sink.name, "destination": sink.destination}
    flags = {
        "disabled": sink.disabled,
        "includeChildren": sink.include_children,
        "interceptChildren": sink.intercept_children,
    }
    shown |= {name: True for name, value in flags.items() if value}
    shown |= {"filter": sink.filter} if sink.filter else {}
    shown |= {"writerIdentity": sink.writer} if sink.writer else {}
    if sink.exclusions:
        shown["exclusions"] = [exclusion_json(one) for one in sink.exclusions]
    return shown | _about(sink.description, sink.created, sink.updated)


def exclusion(given: Document, now: Micros) -> Exclusion:
    """Return the exclusion that is asked for."""
    only(given, "name", "description", "filter", "disabled", "createTime", "updateTime")
    if not text(given, "filter"):
        raise required("An exclusion needs a filter.", field="filter")
    return Exclusion(
        name=names.new_id(text(given, "name"), "name"),
        filter=checked_filter(given),
        description=description(given),
        disabled=boolean(given, "disabled"),
        created=now,
        updated=now,
    )


def changed_exclusion(
    old: Exclusion, given: Document, paths: frozenset[str], now: Micros
) -> Exclusion:
    """Return an exclusion with the members of the mask replaced."""
    whole = {**exclusion_json(old), **{path: given.get(path) for path in paths}}
    return replace(exclusion(whole, now), created=old.created)


def exclusion_json(one: Exclusion) -> Json:
    """Return an exclusion as the API shows it."""
    shown: Json = {"name": one.name, "filter": one.filter}
    shown |= {"disabled": True} if one.disabled else {}
    return shown | _about(one.description, one.created, one.updated)


_SUNK = frozenset(
    (
        *("name", "destination", "filter", "description", "disabled", "exclusions"),
        *("includeChildren", "interceptChildren"),
    )
)


def _check_sink(given: Document) -> None:
    only(
        given,
        *(_SUNK | {"writerIdentity", "outputVersionFormat", "bigqueryOptions"}),
        *("createTime", "updateTime", "resourceName"),
    )
    if given.get("bigqueryOptions"):
        raise unsupported("BigQuery as a destination of a sink", field="bigqueryOptions")


def _exclusions(given: Document, now: Micros) -> tuple[Exclusion, ...]:
    made = tuple(exclusion(one, now) for one in items(given, "exclusions"))
    if len(made) > EXCLUSIONS_MAX:
        raise quota("exclusions", EXCLUSIONS_MAX)
    return made


# Metrics.

_MEASURED = ("metricDescriptor", "labelExtractors", "bucketOptions")


def metric(given: Document, now: Micros) -> Metric:
    """Return the metric that is asked for."""
    only(
        given,
        *("name", "description", "filter", "bucketName", "disabled", "valueExtractor", "version"),
        *(*_MEASURED, "createTime", "updateTime", "resourceName"),
    )
    if not text(given, "filter"):
        raise required("A metric needs a filter.", field="filter")
    bucket = text(given, "bucketName")
    if bucket:
        names.bucket(bucket, "bucketName")
    measured: Json = {name: dict(part) for name in _MEASURED if (part := section(given, name))}
    if value := text(given, "valueExtractor"):
        measured["valueExtractor"] = value
    return Metric(
        name=names.new_id(text(given, "name").replace("/", "."), "name") and text(given, "name"),
        filter=checked_filter(given),
        description=description(given),
        disabled=boolean(given, "disabled"),
        bucket=bucket,
        given=measured,
        created=now,
        updated=now,
    )


def metric_json(one: Metric) -> Json:
    """Return a metric as the API shows it."""
    shown: Json = {"name": one.name, "filter": one.filter, **one.given, "version": "V2"}
    shown |= {"bucketName": one.bucket} if one.bucket else {}
    shown |= {"disabled": True} if one.disabled else {}
    return shown | _about(one.description, one.created, one.updated)


# What all have in common.


def checked_filter(given: Document) -> str:
    """Return a filter that parses."""
    written = text(given, "filter")
    parse(written)
    return written


def description(given: Document) -> str:
    """Return a description."""
    told = text(given, "description")
    if len(told) > DESCRIPTION_CHARS_MAX:
        message = f"A description has at most {DESCRIPTION_CHARS_MAX} characters."
        raise invalid(message, field="description")
    return told


def mask(query: Mapping[str, str], *default: str) -> frozenset[str]:
    """Return the members that an updateMask names, in camelCase; without one, the default."""
    paths = {camel(one.strip()) for one in query.get("updateMask", "").split(",")} - {""}
    if not paths and not default:
        raise invalid("updateMask is required.", field="updateMask", reason="required")
    return frozenset(paths or default)


def _about(told: str, created: Micros | None, updated: Micros | None) -> Json:
    shown: Json = {"description": told} if told else {}
    shown |= {"createTime": rfc3339(created)} if created else {}
    return shown | ({"updateTime": rfc3339(updated)} if updated else {})


def _unmet(message: str) -> CloudError:
    return CloudError(Code.FAILED_PRECONDITION, message, reason="failedPrecondition")
