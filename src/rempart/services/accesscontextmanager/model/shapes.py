"""From a request's JSON to the shapes of documents and back, update masks included."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar, get_args, get_origin

import msgspec
from msgspec import structs

from rempart.core.errors import CloudError, invalid
from rempart.services.accesscontextmanager.model.limits import ID_CHARS_MAX
from rempart.trust.policy.perimeters.documents import Shape

S = TypeVar("S", bound=Shape)
Json = dict[str, object]
_ID = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,{ID_CHARS_MAX - 1}}}")
_AT = re.compile(r" - at `\$\.?([^`]*)`")
_INDEX = re.compile(r"\[\.\.\.\]|\[\d+\]")
_TYPE = "type.googleapis.com/google.identity.accesscontextmanager.v1."


def read(document: Mapping[str, object], shape: type[S]) -> S:
    """Return a message of a request; raises `invalid` naming the member at fault."""
    try:
        return msgspec.convert(_without_nulls(document), shape)
    except msgspec.ValidationError as problem:
        said = str(problem)
        at = _AT.search(said)
        field = _INDEX.sub("", at[1]) if at else ""
        raise invalid(f"Invalid value: {said[:300]}", field=field or None) from problem


def show(message: Shape) -> Json:
    """Return a message as JSON shows it."""
    shown: Json = msgspec.to_builtins(message)
    return shown


def typed(name: str, content: Json) -> Json:
    """Return a message of this API as an operation carries it."""
    return {"@type": f"{_TYPE}{name}"} | content


def masked(old: S, document: Mapping[str, object], paths: Iterable[str]) -> S:
    """Return a message with the masked fields of a request's; one that is absent there goes.

    A path may lead into messages, but not into lists.
    """
    result: Json = msgspec.json.decode(msgspec.json.encode(old))
    fresh: Json = msgspec.json.decode(msgspec.json.encode(read(document, type(old))))
    for path in sorted(paths):
        _check_path(type(old), path)
        _set(result, fresh, path)
    try:
        return msgspec.convert(result, type(old))
    except msgspec.ValidationError as problem:
        raise invalid(f"updateMask: {problem}", field="updateMask") from problem


def _check_path(shape: type, path: str) -> None:
    """Raise `invalid` for a path that is no field of a message, or leads into a list."""
    kind: type | None = shape
    for name in path.split("."):
        fields = {one.encode_name: one.type for one in structs.fields(kind)} if kind else {}
        if name not in fields:
            raise _no_path(path)
        found = fields[name]
        kinds = () if get_origin(found) is tuple else (found, *get_args(found))
        kind = next(
            (one for one in kinds if isinstance(one, type) and issubclass(one, Shape)), None
        )


def _set(result: Json, fresh: Json, path: str) -> None:
    *above, last = path.split(".")
    source: object = fresh
    for name in above:
        source = source.get(name) if isinstance(source, dict) else None
        inner = result.setdefault(name, {})
        if not isinstance(inner, dict):
            raise _no_path(path)
        result = inner
    if isinstance(source, dict) and last in source:
        result[last] = source[last]
    else:
        result.pop(last, None)


def _no_path(path: str) -> CloudError:
    return invalid(f"updateMask: {path[:80]!r} is no field.", field="updateMask")


def id_in(name: str, parent: str, noun: str) -> str:
    """Return the id of a name that a request gives to something under a policy."""
    above, _, id_ = name.rpartition(f"/{noun}/")
    if above != parent or not _ID.fullmatch(id_):
        message = (
            f"The name must be {parent}/{noun}/ID, where ID begins with a letter and has up to"
            f" {ID_CHARS_MAX} letters, digits and underscores."
        )
        raise invalid(message, field="name")
    return id_


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_nulls(one) for one in value]
    return value
