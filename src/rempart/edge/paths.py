"""Path templates: a tree of segments, matched raw, and the decoding of what they capture.

Templates are written as in google.api.http: `{bucket}` is one segment, `{name=projects/*/topics/*}`
several, a final `**` one or more, and a custom verb is a `:verb` at the end.
"""

from __future__ import annotations

import re
import sys
from typing import Literal
from urllib.parse import unquote_to_bytes

import msgspec

from rempart.core.call import MethodId
from rempart.core.errors import invariant

Kind = Literal["plain", "media_upload", "resumable_upload", "media_download", "batch"]

_PIECE = re.compile(r"\{([^}=]+)(?:=([^}]+))?\}|([^/{}]+)")
_STRAY_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Capture(msgspec.Struct, frozen=True):
    """A path parameter: one segment at `start`, or where `stop` is set all those before it."""

    name: str
    start: int
    stop: int = 0


class Route(msgspec.Struct, frozen=True):
    """What a template leads to; `head` marks a HEAD of what GET answers with content."""

    method: MethodId
    service: str
    kind: Kind
    head: bool = False


class Found(msgspec.Struct, frozen=True, gc=False):
    """A template that fits: its route, what it captures, and of which segments."""

    route: Route
    captures: tuple[Capture, ...]
    segments: list[bytes]


class PathTable:
    """The templates of one host.

    Segments are those of `raw_path.split(b"/")`: the first is what precedes the first slash and is
    not looked at.
    """

    __slots__ = ("_plain", "_verbed")

    def __init__(self) -> None:
        self._plain = _Node()
        self._verbed: dict[bytes, _Node] = {}

    def add(self, verb: str, template: str, route: Route) -> None:
        """Add a template; one that another method holds already is Bug."""
        path, _, suffix = template.partition(":")
        root = self._verbed.setdefault(suffix.encode(), _Node()) if suffix else self._plain
        node, captures = _grown(root, path)
        taken = node.routes.setdefault(verb, (route, captures))
        invariant(taken[0] == route, f"{route.method} and {taken[0].method} share {template}")

    def find(self, verb: str, segments: list[bytes]) -> Found | None:
        """Return the template that fits, the more literal one first, or None.

        A known `:verb` at the end is tried first; where that fits nothing, the colon belongs to
        the name, as in `projects/lab:demo`.
        """
        if b":" in segments[-1] and (found := self._find_verbed(verb, segments)) is not None:
            return found
        end = _walk(self._plain, verb, segments, 1)
        return None if end is None else Found(end[0], end[1], segments)

    def _find_verbed(self, verb: str, segments: list[bytes]) -> Found | None:
        last, _, suffix = segments[-1].rpartition(b":")
        root = self._verbed.get(suffix)
        if root is None or not last:
            return None
        bare = [*segments[:-1], last]
        end = _walk(root, verb, bare, 1)
        return None if end is None else Found(end[0], end[1], bare)


class _Node:
    """A place in the tree: what may follow, and what ends here, by HTTP verb."""

    __slots__ = ("literals", "routes", "tail", "wild")

    def __init__(self) -> None:
        self.literals: dict[bytes, _Node] = {}
        self.wild: _Node | None = None
        self.tail: _Node | None = None
        self.routes: dict[str, _End] = {}


_End = tuple[Route, tuple[Capture, ...]]


def _walk(node: _Node, verb: str, segments: list[bytes], index: int) -> _End | None:
    """Return the first end that fits. Each node is visited at most once, so the tree bounds it."""
    for at in range(index, len(segments)):
        segment = segments[at]
        literal, wild = node.literals.get(segment), node.wild
        if node.tail is not None or (literal is not None and wild is not None):
            return _fork(node, verb, segments, at)
        if literal is not None:
            node = literal
        elif wild is not None and segment:
            node = wild
        else:
            return None
    return node.routes.get(verb)


def _fork(node: _Node, verb: str, segments: list[bytes], at: int) -> _End | None:
    """Try what may follow one after the other: the literal, then one segment, then the rest."""
    segment = segments[at]
    if (literal := node.literals.get(segment)) is not None and (
        end := _walk(literal, verb, segments, at + 1)
    ) is not None:
        return end
    if (
        (wild := node.wild) is not None
        and segment
        and (end := _walk(wild, verb, segments, at + 1)) is not None
    ):
        return end
    if node.tail is not None and all(segments[at:]):
        return node.tail.routes.get(verb)
    return None


def _grown(node: _Node, template: str) -> tuple[_Node, tuple[Capture, ...]]:
    """Return the node of a template, made where absent, and what the template captures."""
    captures: list[Capture] = []
    index = 1
    for variable, pattern, literal in _PIECE.findall(template):
        parts = (literal or pattern or "*").split("/")
        for part in parts:
            node = _child(node, part)
        if variable:
            stop = sys.maxsize if parts[-1] == "**" else index + len(parts)
            captures.append(Capture(variable, index, stop if pattern else 0))
        index += len(parts)
    return node, tuple(captures)


def _child(node: _Node, part: str) -> _Node:
    if part == "*":
        node.wild = node.wild or _Node()
        return node.wild
    if part == "**":
        node.tail = node.tail or _Node()
        return node.tail
    return node.literals.setdefault(part.encode(), _Node())


def captured(found: Found, capture: Capture) -> str:
    """Return a path parameter, decoded once; raise ValueError where it is not UTF-8 in escapes.

    In a name of several segments `%2F` stays as it is, as google.api.http has it: a name cannot
    gain segments by decoding.
    """
    if not capture.stop:
        return decoded(found.segments[capture.start])
    name = b"/".join(found.segments[capture.start : capture.stop])
    if b"%" not in name:
        return name.decode()
    return decoded(name.replace(b"%2F", b"%252F").replace(b"%2f", b"%252f"))


def decoded(raw: bytes) -> str:
    """Return percent-encoded UTF-8 decoded once; raise ValueError where it is neither."""
    if b"%" in raw:
        if _STRAY_PERCENT.search(raw):
            raise ValueError("a percent sign without two hexadecimal digits")
        # Slashes are most of the escapes in object names, and this is the fast way to them. Every
        # percent sign starts an escape here, so nothing new comes to look like one.
        raw = raw.replace(b"%2F", b"/")
        if b"%" in raw:
            raw = unquote_to_bytes(raw)
    return raw.decode()
