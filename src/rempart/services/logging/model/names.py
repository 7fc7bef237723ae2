"""Names of logs, log buckets, views and the rest; what they lie in.

Source: the resource patterns of google.logging.v2. Log ids stand percent-encoded in log names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from typing_extensions import override

from rempart.core.errors import invalid, unimplemented
from rempart.core.names import ResourceName

LOG_ID_CHARS_MAX = 511
ID_CHARS_MAX = 100
_CONTAINER = re.compile(r"(projects|folders|organizations|billingAccounts)/([^/\x00]+)(?:/.*)?")
_LOG_ID = re.compile(r"[A-Za-z0-9/_.-]+")
_BUCKET = re.compile(r"([a-z]+/[^/\x00]+)/locations/([^/\x00]+)/buckets/([^/\x00]+)(?:/.*)?")
_VIEW = re.compile(r"(.+/buckets/[^/\x00]+)/views/([^/\x00]+)")
_ID = re.compile(r"[A-Za-z0-9_.-]+")
CONTAINERS = ("projects/", "folders/", "organizations/")
UNIVERSE = ResourceName("logging.googleapis.com", "logging.googleapis.com/Universe", "")
AUDIT_DOMAIN = "cloudaudit.googleapis.com"


@dataclass(frozen=True, slots=True)
class BucketName:
    """A log bucket: `CONTAINER/locations/LOCATION/buckets/ID`."""

    container: str
    location: str
    id: str

    @override
    def __str__(self) -> str:
        return f"{self.container}/locations/{self.location}/buckets/{self.id}"


@dataclass(frozen=True, slots=True)
class ViewName:
    """A view: `BUCKET/views/ID`."""

    bucket: BucketName
    id: str

    @override
    def __str__(self) -> str:
        return f"{self.bucket}/views/{self.id}"


def container(text: str, field: str = "name") -> str:
    """Return the project, folder or organization that a name is or begins with."""
    found = _CONTAINER.fullmatch(text)
    if found is None:
        raise invalid(f"The name {text[:300]!r} begins with no container.", field=field)
    if found[1] == "billingAccounts":
        raise unimplemented("Cloud Logging for billing accounts")
    return f"{found[1]}/{found[2]}"


def log(text: str, field: str = "logName") -> tuple[str, str]:
    """Return the container and the percent-encoded id of a log's name."""
    above, noun, encoded = text.partition("/logs/")
    id_ = unquote(encoded)
    well = noun and len(id_) <= LOG_ID_CHARS_MAX and _LOG_ID.fullmatch(id_)
    if not well or container(above, field) != above:
        message = (
            f"{text[:300]!r} is no name of a log: it is CONTAINER/logs/ID, ID of at most"
            f" {LOG_ID_CHARS_MAX} letters, digits and /_-. in percent-encoding."
        )
        raise invalid(message, field=field)
    return above, quote(id_, safe="")


def bucket(text: str, field: str = "name") -> BucketName:
    """Return the log bucket that a name is or begins with."""
    found = _BUCKET.fullmatch(text)
    if found is None:
        raise invalid(f"The name {text[:300]!r} is not that of a log bucket.", field=field)
    return BucketName(container(found[1], field), found[2], found[3])


def view(text: str, field: str = "name") -> ViewName:
    """Return the name of a view."""
    found = _VIEW.fullmatch(text)
    if found is None:
        raise invalid(f"The name {text[:300]!r} is not that of a view.", field=field)
    return ViewName(bucket(found[1], field), found[2])


def new_id(text: str, field: str) -> str:
    """Return the id that a new bucket, view, sink, exclusion or metric is given."""
    if not _ID.fullmatch(text) or len(text) > ID_CHARS_MAX:
        message = f"{field} has 1 to {ID_CHARS_MAX} letters, digits, '_', '-' and '.'."
        raise invalid(message, field=field)
    return text


def last(text: str) -> str:
    """Return the id at the end of a name, which metrics' names carry percent-encoded."""
    return unquote(text.rpartition("/")[2])
