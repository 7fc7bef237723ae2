"""Typed reading of a JSON body: each reader returns the member or refuses its type by name.

`null` reads as absent. Cloud Storage ignores unknown members; the APIs that Google describes by
protocol buffers refuse them, which is what `only` is for. Source of the forms of bytes, durations
and times: the JSON mapping of protocol buffers (proto3).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from rempart.core.clock import Micros
from rempart.core.errors import CloudError, invalid

Document = Mapping[str, object]

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_DURATION = re.compile(r"([0-9]{1,12})(?:\.[0-9]{1,9})?s")
_SNAKE = re.compile(r"_([a-z0-9])")
_URL_SAFE = str.maketrans("-_", "+/")


def wrong_type(name: str, expected: str) -> CloudError:
    """Return the error for a member of the wrong JSON type."""
    return invalid(f"Invalid value for '{name}': expected {expected}.", field=name)


def text(document: Document, name: str, default: str = "") -> str:
    """Return a string member."""
    value = document.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise wrong_type(name, "a string")
    return value


def boolean(document: Document, name: str, *, default: bool = False) -> bool:
    """Return a boolean member; clients also write "true" and "True"."""
    value = document.get(name)
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise wrong_type(name, "a boolean")


def integer(document: Document, name: str, default: int | None = None) -> int | None:
    """Return an integer member, which JSON may carry as a decimal string."""
    value = document.get(name)
    if value is None:
        return default
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    raise wrong_type(name, "an integer")


def section(document: Document, name: str) -> Document:
    """Return an object member, empty if absent."""
    value = document.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong_type(name, "an object")
    return value


def items(document: Document, name: str) -> list[Document]:
    """Return a member that is a list of objects, empty if absent."""
    value = document.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise wrong_type(name, "a list of objects")
    return value


def pairs(document: Document, name: str) -> dict[str, str]:
    """Return a member that maps strings to strings; null values are left out."""
    return {key: value for key, value in patch_pairs(document, name).items() if value is not None}


def patch_pairs(document: Document, name: str) -> dict[str, str | None]:
    """Return a member that maps strings to strings or, in a patch, to null."""
    found: dict[str, str | None] = {}
    for key, value in section(document, name).items():
        if value is not None and not isinstance(value, str):
            raise wrong_type(f"{name}.{key}", "a string")
        found[key] = value
    return found


def moment(document: Document, name: str) -> Micros | None:
    """Return an RFC 3339 timestamp member."""
    value = text(document, name)
    if not value:
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError as problem:
        raise wrong_type(name, "an RFC 3339 timestamp") from problem
    if parsed.tzinfo is None:
        raise wrong_type(name, "an RFC 3339 timestamp with a time zone")
    delta = parsed - datetime(1970, 1, 1, tzinfo=UTC)
    return Micros((delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds)


def octets(document: Document, name: str) -> bytes:
    """Return a bytes member: base64 in either alphabet, with or without padding."""
    value = text(document, name).rstrip("=").translate(_URL_SAFE)
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError) as problem:
        raise wrong_type(name, "base64") from problem


def seconds(document: Document, name: str) -> int | None:
    """Return a duration member in whole seconds; a fraction is dropped."""
    value = text(document, name)
    if not value:
        return None
    found = _DURATION.fullmatch(value)
    if found is None:
        raise wrong_type(name, "a duration in seconds, such as 86400s")
    return int(found[1])


def only(document: Document, *names: str) -> None:
    """Refuse members that are not among these."""
    unknown = sorted(document.keys() - set(names))
    if unknown:
        message = (
            f'Invalid JSON payload received. Unknown name "{unknown[0][:80]}": Cannot find field.'
        )
        raise invalid(message, field=unknown[0][:80])


def strings(document: Document, name: str) -> list[str]:
    """Return a member that is a list of strings, empty if absent."""
    value = document.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise wrong_type(name, "a list of strings")
    return value


def update_mask(query: Mapping[str, str]) -> frozenset[str]:
    """Return the paths of a required `updateMask`, in camelCase however they were written."""
    paths = {camel(path.strip()) for path in query.get("updateMask", "").split(",")} - {""}
    if not paths:
        raise invalid("updateMask is required.", field="updateMask", reason="required")
    return frozenset(paths)


def camel(path: str) -> str:
    """Return a field's path in camelCase, as JSON has it."""
    return _SNAKE.sub(lambda found: found[1].upper(), path)
