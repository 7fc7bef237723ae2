"""What a filter rules out without reading entries: times, and logs that cannot match."""

from __future__ import annotations

from collections.abc import Iterator

from rempart.services.logging.kinds import Segment
from rempart.services.logging.query.tree import Between, Both, Compared, Node, Path

_FOREVER = 1 << 63


def bounds(node: Node) -> tuple[int, int]:
    """Return from when on, and before when, what a filter matches was; in nanoseconds."""
    first, end = -_FOREVER, _FOREVER
    for part in _conjuncts(node):
        if isinstance(part, Between):
            first, end = max(first, part.first), min(end, part.end)
    return first, end


def may_match(node: Node, segment: Segment) -> bool:
    """Tell whether a segment may hold an entry that a filter matches."""
    for part in _conjuncts(node):
        if isinstance(part, Between) and not _meet(part, segment):
            return False
        if isinstance(part, Compared) and not part.missing:
            there = _occurring(part.path, segment)
            if there is not None and not any(part.test((one,)) for one in there):
                return False
    return True


def _occurring(path: Path, segment: Segment) -> list[str] | None:
    if path == ("logName",):
        return segment.logs
    return segment.severities if path == ("severity",) else None


def _meet(part: Between, segment: Segment) -> bool:
    return part.first <= segment.last and segment.first < part.end


def _conjuncts(node: Node) -> Iterator[Node]:
    if isinstance(node, Both):
        for part in node.parts:
            yield from _conjuncts(part)
    else:
        yield node
