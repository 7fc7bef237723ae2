"""One log entry: what a writer may say in it, and what is added.

Source: google.logging.v2.LogEntry and "Quotas and limits" of Cloud Logging.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from rempart.core.clock import Micros
from rempart.core.document import boolean, integer, only, pairs, section, text
from rempart.core.errors import CloudError, denied, invalid, required, too_large
from rempart.services.logging.model import names
from rempart.services.logging.query.moments import MICROS, nanos, written
from rempart.services.logging.query.values import SEVERITIES

ENTRY_BYTES_MAX = 256 * 1024
LABELS_MAX = 64
LABEL_KEY_CHARS_MAX = 512
LABEL_VALUE_BYTES_MAX = 64 * 1024
INSERT_ID_CHARS_MAX = 512
FUTURE_SECONDS_MAX = 24 * 3600
_PAYLOADS = ("textPayload", "jsonPayload", "protoPayload")
_TEXTS = ("trace", "spanId")
_SECTIONS = ("httpRequest", "operation", "sourceLocation", "split")
_KEPT_OUT = ("metadata", "receiveTimestamp", "errorGroups", "apphub", "apphubDestination")
_NAMES = {rank: name for name, rank in SEVERITIES.items()}
_SECOND = 1_000_000_000
Json = dict[str, object]


class Entry(msgspec.Struct, frozen=True):
    """An entry: its timestamp in nanoseconds, and its JSON form with all that is added."""

    time: int
    document: Json

    @property
    def key(self) -> tuple[int, str, str]:
        """Return what orders entries, and what two copies of one entry share."""
        document = self.document
        return self.time, str(document["insertId"]), str(document["logName"])


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says of all its entries that do not say it themselves."""

    log_name: str = ""
    resource: Mapping[str, object] = {}
    labels: Mapping[str, str] = {}


def entry(given: Mapping[str, object], defaults: Defaults, now: Micros, insert_id: str) -> Entry:
    """Return the entry that a writer gives; `insert_id` is for one that has none.

    The name of its log is as written: the store knows containers by other names too.
    """
    only(
        given,
        *("logName", "resource", "timestamp", "severity", "insertId", "labels", "traceSampled"),
        *(_PAYLOADS + _TEXTS + _SECTIONS + _KEPT_OUT),
    )
    moment = _moment(given, now)
    made: Json = {
        "logName": text(given, "logName") or defaults.log_name,
        "resource": _resource(given, defaults),
        "timestamp": written(moment),
        "receiveTimestamp": written(now * MICROS),
        "severity": severity(given),
        "insertId": _insert_id(given) or insert_id,
    }
    if not made["logName"]:
        raise required("An entry needs a logName, or the request.", field="logName")
    labels = {**defaults.labels, **pairs(given, "labels")}
    made |= {"labels": checked_labels(labels)} if labels else {}
    made |= _payload(given)
    made |= {name: value for name in _TEXTS if (value := text(given, name))}
    made |= {name: dict(part) for name in _SECTIONS if (part := section(given, name))}
    made |= {"traceSampled": True} if boolean(given, "traceSampled") else {}
    if len(msgspec.json.encode(made)) > ENTRY_BYTES_MAX:
        raise _too_large()
    return Entry(moment, made)


def checked_labels(labels: dict[str, str]) -> dict[str, str]:
    """Return labels, or raise `invalid` where they pass a limit."""
    if len(labels) > LABELS_MAX:
        raise invalid(f"An entry has at most {LABELS_MAX} labels.", field="labels")
    for key, value in labels.items():
        if len(key) > LABEL_KEY_CHARS_MAX or len(value.encode()) > LABEL_VALUE_BYTES_MAX:
            message = (
                f"The label {key[:60]!r} is too long: keys have at most {LABEL_KEY_CHARS_MAX}"
                f" characters, values {LABEL_VALUE_BYTES_MAX} bytes."
            )
            raise invalid(message, field="labels")
    return labels


def severity(given: Mapping[str, object]) -> str:
    """Return the severity that a document names, by its name or number."""
    value = given.get("severity")
    if value is None:
        return "DEFAULT"
    if isinstance(value, str) and not value.isdecimal():
        if value.upper() in SEVERITIES:
            return value.upper()
        raise invalid(f"{value[:60]!r} is no severity.", field="severity")
    rank = integer(given, "severity") or 0
    return _NAMES.get(rank, "DEFAULT")


def check_author(log_id: str) -> None:
    """Refuse entries that would pass for this universe's own audit logs."""
    if log_id.partition("%2F")[0] == names.AUDIT_DOMAIN:
        raise denied(f"Only this universe writes the logs of {names.AUDIT_DOMAIN}.")


def _moment(given: Mapping[str, object], now: Micros) -> int:
    stamp = text(given, "timestamp")
    if not stamp:
        return now * MICROS
    moment = nanos(stamp)
    if moment is None or moment < 0:
        raise invalid("timestamp is no RFC 3339 time.", field="timestamp")
    if moment > now * MICROS + FUTURE_SECONDS_MAX * _SECOND:
        hours = FUTURE_SECONDS_MAX // 3600
        raise invalid(f"timestamp is more than {hours} hours in the future.", field="timestamp")
    return moment


def _resource(given: Mapping[str, object], defaults: Defaults) -> Json:
    resource = section(given, "resource") or defaults.resource
    only(resource, "type", "labels")
    type_ = text(resource, "type")
    if not type_:
        raise required("A monitored resource needs its type: global.", field="resource.type")
    return {"type": type_, "labels": checked_labels(pairs(resource, "labels"))}


def _insert_id(given: Mapping[str, object]) -> str:
    insert_id = text(given, "insertId")
    if len(insert_id) > INSERT_ID_CHARS_MAX:
        message = f"insertId has at most {INSERT_ID_CHARS_MAX} characters."
        raise invalid(message, field="insertId")
    return insert_id


def _payload(given: Mapping[str, object]) -> Json:
    found = [name for name in _PAYLOADS if given.get(name) is not None]
    if len(found) > 1:
        raise invalid(f"An entry has one payload, not {' and '.join(found)}.", field=found[1])
    if not found:
        return {}
    if found[0] == "textPayload":
        return {"textPayload": text(given, "textPayload")}
    payload = section(given, found[0])
    if found[0] == "protoPayload" and not text(payload, "@type"):
        raise required("A protoPayload says its type in '@type'.", field="protoPayload.@type")
    return {found[0]: dict(payload)}


def _too_large() -> CloudError:
    problem = too_large(f"A log entry has at most {ENTRY_BYTES_MAX} bytes.", field="entries")
    problem.status = 400
    return problem
