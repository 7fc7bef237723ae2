"""Tag keys, values, holds and bindings: their rules, pure.

Source: google.cloud.resourcemanager.v3; Resource Manager documentation, "Tags overview" and
"Tag limits".
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

import msgspec
import re2

from rempart.core.clock import Micros
from rempart.core.document import Document, text
from rempart.core.errors import CloudError, Code, invalid, required, unsupported
from rempart.core.names import ProjectId
from rempart.core.policy import Policy

KEYS_PER_PARENT_MAX = 1000
VALUES_PER_KEY_MAX = 1000
TAGS_PER_RESOURCE_MAX = 50
HOLDS_PER_VALUE_MAX = 100
"""Google names no limit of holds."""

DESCRIPTION_CHARS_MAX = 256
HOLD_CHARS_MAX = 199
REGEX_CHARS_MAX = 256
SHORT_NAME_CHARS_MAX = 256
ID_BITS = 42
_ID_BASE = 1 << 48
_SHORT_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,254}[A-Za-z0-9])?")
_KEY = re.compile(r"tagKeys/([0-9]{1,20})")
_VALUE = re.compile(r"tagValues/([0-9]{1,20})")
_HOLD = re.compile(r"(tagValues/[0-9]{1,20})/tagHolds/([0-9]{1,20})")
_BINDING = re.compile(r"tagBindings/(.{1,2048})/(tagValues/[0-9]{1,20})")
_TERM = re.compile(r"(holder|origin)\s*=\s*(\"[^\"]*\"|\S+)")


class TagKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key of tags.

    `parent` is `organizations/N` or `projects/NUMBER`; `namespace` the organization's number or the
    project's id; `project` the project's id, None in an organization. `values` counts its values.
    """

    id: str
    parent: str
    namespace: str
    project: ProjectId | None = None
    short: str
    description: str = ""
    created: Micros
    updated: Micros
    etag: str
    policy: Policy
    allowed_values: str = ""
    values: int = 0

    @property
    def name(self) -> str:
        """Return the resource's name."""
        return f"tagKeys/{self.id}"

    @property
    def namespaced(self) -> str:
        """Return the name that conditions use."""
        return f"{self.namespace}/{self.short}"


class Hold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A use of a value that is no binding; while there is one, the value is not deleted."""

    id: str
    holder: str
    origin: str = ""
    help_link: str = ""
    created: Micros


class TagValue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value of a key; `bound` counts the resources that have it."""

    id: str
    key: str
    namespaced: str
    short: str
    description: str = ""
    created: Micros
    updated: Micros
    etag: str
    policy: Policy
    bound: int = 0
    holds: tuple[Hold, ...] = ()

    @property
    def name(self) -> str:
        """Return the resource's name."""
        return f"tagValues/{self.id}"


def new_id(salt: bytes) -> str:
    """Return a fresh number, of 15 digits as Google's are."""
    return str(_ID_BASE + (int.from_bytes(salt, "big") & ((1 << ID_BITS) - 1)))


def key_id(name: str, field: str = "name") -> str:
    """Return the id in a key's name."""
    return _matched(_KEY, name, "tagKeys/*", field)[1]


def value_id(name: str, field: str = "name") -> str:
    """Return the id in a value's name."""
    return _matched(_VALUE, name, "tagValues/*", field)[1]


def hold_name(name: str) -> tuple[str, str]:
    """Return a hold's value and id."""
    found = _matched(_HOLD, name, "tagValues/*/tagHolds/*", "name")
    return found[1], found[2]


def binding_name(parent: str, value: str) -> str:
    """Return the name of the binding of a value to a resource."""
    return f"tagBindings/{quote(parent, safe='')}/{value}"


def binding(name: str) -> tuple[str, str]:
    """Return the resource and the value of a binding's name, however often it was escaped."""
    found = _matched(_BINDING, name, "tagBindings/*/tagValues/*", "name")
    parent = found[1]
    return (unquote(parent) if parent[:3].upper() == "%2F" else parent), found[2]


def _matched(pattern: re.Pattern[str], name: str, form: str, field: str) -> re.Match[str]:
    found = pattern.fullmatch(name)
    if found is None:
        raise invalid(f"{name[:200]!r} is not of the form {form}.", field=field)
    return found


def short_name(document: Document) -> str:
    """Return the short name of a new key or value."""
    name = text(document, "shortName")
    if not name:
        raise required("shortName is required.", field="shortName")
    if not _SHORT_NAME.fullmatch(name):
        message = (
            f"shortName has 1 to {SHORT_NAME_CHARS_MAX} letters, digits, '-', '_' and '.', and "
            "begins and ends with a letter or a digit."
        )
        raise invalid(message, field="shortName")
    return name


def bounded(document: Document, name: str, limit: int) -> str:
    """Return a text of bounded length."""
    found = text(document, name)
    if len(found) > limit:
        raise invalid(f"{name} has at most {limit} characters.", field=name)
    return found


def allowed_values(document: Document) -> str:
    """Return the pattern that a key's values must match, empty for any; RE2, so it is bounded."""
    pattern = bounded(document, "allowedValuesRegex", REGEX_CHARS_MAX)
    try:
        re2.compile(pattern)
    except re2.error as problem:
        message = "allowedValuesRegex is no regular expression (RE2)."
        raise invalid(message, field="allowedValuesRegex") from problem
    return pattern


def check_purpose(document: Document) -> None:
    """Refuse purposes: each belongs to a service that this universe has not."""
    purpose = text(document, "purpose")
    if purpose not in {"", "PURPOSE_UNSPECIFIED"}:
        raise unsupported(f"The purpose {purpose[:80]}", field="purpose")
    if document.get("purposeData"):
        raise invalid("purposeData needs a purpose.", field="purposeData")


def check_allowed(key: TagKey, short: str) -> None:
    """Refuse a value that its key does not admit."""
    if key.allowed_values and re2.fullmatch(key.allowed_values, short) is None:
        message = f"{short!r} does not match the key's allowedValuesRegex {key.allowed_values!r}."
        raise invalid(message, field="shortName")


def check_etag(claimed: str, etag: str) -> None:
    """Raise ABORTED where a caller knows an older state."""
    if claimed and claimed != etag:
        message = "The etag is of an older state. Read it again, change that, and retry."
        raise CloudError(Code.ABORTED, message, reason="conflict", field="etag")


def precondition(message: str, reason: str) -> CloudError:
    """Return a FAILED_PRECONDITION."""
    return CloudError(Code.FAILED_PRECONDITION, message, reason=reason)


def exhausted(message: str, reason: str) -> CloudError:
    """Return the refusal of one more than a limit."""
    return CloudError(Code.RESOURCE_EXHAUSTED, message, reason=reason)


def hold_filter(asked: str) -> dict[str, str]:
    """Return what holds must have: `holder = … AND origin = …`."""
    wanted: dict[str, str] = {}
    for piece in re.split(r"\s+AND\s+", asked.strip()) if asked.strip() else ():
        found = _TERM.fullmatch(piece)
        if found is None:
            raise unsupported(f"The filter {piece[:80]!r}", field="filter")
        wanted[found[1]] = found[2].strip('"')
    return wanted
