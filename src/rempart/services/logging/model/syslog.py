"""Entries as messages of syslog: RFC 5424, framed by their length as RFC 6587 and 5425 have it.

The message is the entry's JSON in ASCII, so no content of an entry ends a line or begins another
message.
"""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

from rempart.services.logging.model.entry import Entry
from rempart.services.logging.model.names import AUDIT_DOMAIN

FACILITY_AUDIT, FACILITY_USER = 13, 1
APP_NAME_CHARS_MAX = 48
_SEVERITIES = {
    "EMERGENCY": 0, "ALERT": 1, "CRITICAL": 2, "ERROR": 3, "WARNING": 4, "NOTICE": 5, "INFO": 6,
    "DEFAULT": 6, "DEBUG": 7,
}  # fmt: skip
_FACILITIES = 8
_MICROS = re.compile(r"(\.\d{6})\d+")
_NIL = "-"


def framed(entry: Entry, host: str) -> bytes:
    """Return an entry as one message, after its length; `host` is the universe's name."""
    message = _message(entry, host)
    return b"%d %s" % (len(message), message)


def _message(entry: Entry, host: str) -> bytes:
    document = entry.document
    log = unquote(str(document["logName"]).partition("/logs/")[2])
    audit = log.startswith(f"{AUDIT_DOMAIN}/")
    facility = FACILITY_AUDIT if audit else FACILITY_USER
    priority = facility * _FACILITIES + _SEVERITIES.get(str(document["severity"]), 6)
    time = _MICROS.sub(r"\1", str(document["timestamp"]))
    app = log.removeprefix(f"{AUDIT_DOMAIN}/")[:APP_NAME_CHARS_MAX]
    head = f"<{priority}>1 {time} {host} {app} {_NIL} {_NIL} {_NIL} "
    return (head + json.dumps(document, separators=(",", ":"))).encode("ascii")
