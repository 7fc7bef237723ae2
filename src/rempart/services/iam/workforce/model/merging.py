"""An update as one document: the old resource with what the mask names taken from the request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rempart.core.errors import invalid

Json = dict[str, object]


def merged(old: Json, new: Mapping[str, object], paths: Iterable[str]) -> Json:
    """Return the old document with the paths of the new one; what the new one lacks goes."""
    made = old
    for path in paths:
        made = _with(made, new, path.split("."), path)
    return made


def _with(old: Mapping[str, object], new: Mapping[str, object], path: list[str], full: str) -> Json:
    name, *rest = path
    kept = {key: value for key, value in old.items() if key != name}
    if not rest:
        return {**kept, name: new[name]} if name in new else kept
    below, given = old.get(name, {}), new.get(name, {})
    if not isinstance(below, Mapping) or not isinstance(given, Mapping):
        raise invalid(f"{full[:80]} is no field of this resource.", field="updateMask")
    return {**kept, name: _with(below, given, rest, full)}
