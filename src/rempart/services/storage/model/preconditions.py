"""Conditions on generation and metageneration, in their four forms, for target and source.

Source: Cloud Storage documentation, "Request preconditions".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from rempart.core.errors import CloudError, Code, invalid, precondition_failed

_NUMBER = re.compile(r"-?[0-9]{1,19}")


class NotModified(Exception):  # noqa: N818 - an answer, not a fault
    """A read whose NotMatch condition fails: answered 304."""


class Preconditions(msgspec.Struct, frozen=True, gc=False):
    """What must hold; None where nothing is asked. Generation 0 means that nothing is there."""

    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None
    source: bool = False

    def check(self, generation: int, metageneration: int, *, reading: bool = False) -> None:
        """Raise `precondition_failed`, or `NotModified` for a read, unless all conditions hold."""
        if self is NONE:
            return
        _equal(self.generation_match, generation, self._name("GenerationMatch"))
        _equal(self.metageneration_match, metageneration, self._name("MetagenerationMatch"))
        unchanged = self.generation_not_match == generation or (
            self.metageneration_not_match == metageneration and generation != 0
        )
        if unchanged and reading:
            raise NotModified
        if unchanged:
            message = "At least one of the pre-conditions you specified did not hold."
            raise precondition_failed(message, field=self._name("GenerationNotMatch"))

    def _name(self, condition: str) -> str:
        return f"ifSource{condition}" if self.source else f"if{condition}"


def _equal(asked: int | None, found: int, field: str) -> None:
    if asked is not None and asked != found:
        message = "At least one of the pre-conditions you specified did not hold."
        raise precondition_failed(message, field=field)


NONE = Preconditions()
_NAMES = (
    "ifGenerationMatch",
    "ifGenerationNotMatch",
    "ifMetagenerationMatch",
    "ifMetagenerationNotMatch",
)
_SOURCE_NAMES = tuple(name.replace("if", "ifSource") for name in _NAMES)


def preconditions(query: Mapping[str, str], *, source: bool = False) -> Preconditions:
    """Return the conditions of a request's query."""
    names = _SOURCE_NAMES if source else _NAMES
    if query.keys().isdisjoint(names):
        return NONE
    match, not_match, meta_match, meta_not_match = (number(query, name) for name in names)
    return Preconditions(match, not_match, meta_match, meta_not_match, source)


def number(query: Mapping[str, str], name: str) -> int | None:
    """Return a query parameter that is a 64-bit number."""
    value = query.get(name)
    if value is None:
        return None
    if not _NUMBER.fullmatch(value) or not -(2**63) <= int(value) < 2**63:
        raise invalid(f"Invalid value for '{name}': expected a 64-bit integer.", field=name)
    return int(value)


def flag(query: Mapping[str, str], name: str) -> bool:
    """Return a query parameter that is a truth value; clients write True, true or 1."""
    value = query.get(name, "").lower()
    if value not in {"", "true", "false", "1", "0"}:
        raise invalid(f"Invalid value for '{name}': expected true or false.", field=name)
    return value in {"true", "1"}


def not_modified_tag(headers: Mapping[str, str], etag: str) -> bool:
    """Tell whether `If-None-Match` names this entity tag."""
    given = headers.get("if-none-match")
    if not given:
        return False
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in given.split(",")}
    return "*" in tags or etag in tags


def match_tag(headers: Mapping[str, str], etag: str) -> None:
    """Raise `precondition_failed` unless `If-Match` is absent or names this entity tag."""
    given = headers.get("if-match")
    if given is None:
        return
    tags = {tag.strip().strip('"') for tag in given.split(",")}
    if "*" not in tags and etag not in tags:
        raise CloudError(
            Code.FAILED_PRECONDITION,
            "The entity tag does not match.",
            reason="conditionNotMet",
            field="If-Match",
            status=412,
        )
