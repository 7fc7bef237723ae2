"""What a listing asks for, its page tokens and its globs.

Source: Objects: list of the Cloud Storage JSON API v1; "List objects and prefixes using glob".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import msgspec
import re2

from rempart.core.errors import invalid, unimplemented
from rempart.core.limits import LIST_PAGE_MAX
from rempart.services.storage.model.preconditions import flag, number

GLOB_CHARS_MAX = 1024


class Resume(msgspec.Struct, frozen=True, gc=False):
    """Where the next page begins: after this item (`generation`) or after this prefix (0)."""

    name: str
    generation: int


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The parameters of a listing."""

    prefix: str
    delimiter: str
    start_offset: str
    end_offset: str
    match_glob: str
    versions: bool
    trailing_delimiter: bool
    folders_as_prefixes: bool
    limit: int
    resume: Resume | None


def list_query(query: Mapping[str, str]) -> ListQuery:
    """Return the parameters of an object listing."""
    if flag(query, "softDeleted"):
        raise unimplemented("storage.objects.list softDeleted")
    return ListQuery(
        prefix=query.get("prefix", ""),
        delimiter=query.get("delimiter", ""),
        start_offset=query.get("startOffset", ""),
        end_offset=query.get("endOffset", ""),
        match_glob=query.get("matchGlob", ""),
        versions=flag(query, "versions"),
        trailing_delimiter=flag(query, "includeTrailingDelimiter"),
        folders_as_prefixes=flag(query, "includeFoldersAsPrefixes"),
        limit=page_size(query),
        resume=resume(query.get("pageToken", "")),
    )


def page_size(query: Mapping[str, str], name: str = "maxResults") -> int:
    """Return how many items a page holds: what was asked, at most 1,000."""
    asked = number(query, name)
    if asked is not None and asked < 0:
        raise invalid(f"Invalid value for '{name}': it must not be negative.", field=name)
    return min(asked or LIST_PAGE_MAX, LIST_PAGE_MAX)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Resume).decode


def page_token(at: Resume) -> str:
    """Return a position as an opaque token; it stays right whatever is written meanwhile."""
    return base64.urlsafe_b64encode(_encode(at)).decode().rstrip("=")


def resume(token: str) -> Resume | None:
    """Return the position of a page token."""
    if not token:
        return None
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        return _decode(raw)
    except (binascii.Error, ValueError, msgspec.DecodeError) as problem:
        raise invalid("Invalid value for 'pageToken'.", field="pageToken") from problem


class Glob:
    """A compiled `matchGlob`; matching takes time linear in the name."""

    __slots__ = ("_pattern",)

    def __init__(self, glob: str) -> None:
        if len(glob) > GLOB_CHARS_MAX:
            raise invalid("'matchGlob' is too long.", field="matchGlob")
        try:
            self._pattern = re2.compile(_translate(glob))
        except re2.error as problem:
            raise invalid("Invalid value for 'matchGlob'.", field="matchGlob") from problem

    def matches(self, name: str) -> bool:
        """Tell whether a name matches."""
        return self._pattern.fullmatch(name) is not None


@lru_cache(maxsize=256)
def glob(text: str) -> Glob:
    """Return the compiled glob."""
    return Glob(text)


def literal_prefix(text: str) -> str:
    """Return what every match of a glob begins with."""
    stops = [index for index, character in enumerate(text) if character in "*?[{\\"]
    return text[: stops[0]] if stops else text


def _translate(text: str) -> str:
    out, at, depth = [], 0, 0
    while at < len(text):
        piece, at, depth = _next(text, at, depth)
        out.append(piece)
    if depth:
        raise invalid("'matchGlob' has an open '{'.", field="matchGlob")
    return "(?s)" + "".join(out)


_SIMPLE = {"*": "[^/]*", "?": "[^/]"}


def _next(text: str, at: int, depth: int) -> tuple[str, int, int]:
    character = text[at]
    if text.startswith("**", at):
        return ".*", at + 2, depth
    if character == "[":
        return _set(text, at, depth)
    if character == "\\" and at + 1 < len(text):
        return re2.escape(text[at + 1]), at + 2, depth
    if character == "{":
        return "(?:", at + 1, depth + 1
    inside = {"}": (")", -1), ",": ("|", 0)} if depth else {}
    if character in inside:
        piece, change = inside[character]
        return piece, at + 1, depth + change
    return _SIMPLE.get(character) or re2.escape(character), at + 1, depth


def _set(text: str, at: int, depth: int) -> tuple[str, int, int]:
    end = text.find("]", at + 2)
    if end < 0:
        raise invalid("'matchGlob' has an open '['.", field="matchGlob")
    inner = text[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
    negated = "^" + inner[1:] if inner[0] in "!^" else inner
    return f"[{negated}]", end + 1, depth
