"""Custom constraints: an expression in CEL over a resource, decided in bounded time.

An expression sees `resource` and nothing else, with the fields that are described here, absent
ones by their default as protocol buffers have it. At most two macros may stand in it, over lists
that a resource bounds, so evaluation ends soon. What cannot be evaluated counts as violated.
Source: "Creating and managing custom constraints"; CustomConstraint of google.cloud.orgpolicy.v2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from rempart.core.cel import (
    ARITHMETIC_MAX,
    NESTING_MAX,
    PATTERN_CHARS_MAX,
    Program,
    arithmetic,
    depth,
    first_line,
    library,
    plain_matches,
)
from rempart.core.document import moment, seconds
from rempart.core.errors import CloudError, invalid

EXPRESSION_CHARS_MAX = 1000
MACROS_MAX = 2
PROGRAMS_MAX = 1024
_FIELD = "condition"

_OPENS = r"(?:\s|//[^\n]*\n)*\("
_MACRO = re.compile(rf"\b(?:all|exists|exists_one|map|filter){_OPENS}")
_OTHER_MACRO = re.compile(rf"\b(?:transform\w*|bind|optMap|optFlatMap){_OPENS}")
_HAS = re.compile(rf"\bhas{_OPENS}")
_BOUND = re.compile(rf"{_MACRO.pattern}\s*([A-Za-z_]\w*)")
_WORD = re.compile(r"[\w-]+")
_OPERATORS = frozenset(
    ("!_", "_&&_", "_||_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_?_:_", "@in", "_[_]")
) | frozenset(("_+_", "_-_", "_*_", "_/_", "_%_", "-_", "@not_strictly_false"))
_FUNCTIONS = frozenset(
    ("startsWith", "endsWith", "contains", "matches", "size", "timestamp", "duration", "int")
) | frozenset(("string", "double", "uint", "all", "exists", "exists_one", "map", "filter"))

Leaf = Callable[[Mapping[str, object], str], object]


def _text(fields: Mapping[str, object], name: str) -> object:
    return fields.get(name) or ""


def _flag(fields: Mapping[str, object], name: str) -> object:
    return fields.get(name) is True


def _number(fields: Mapping[str, object], name: str) -> object:
    return int(str(fields.get(name) or 0))


def _map(fields: Mapping[str, object], name: str) -> object:
    return dict(found) if isinstance(found := fields.get(name), Mapping) else {}


def _duration(fields: Mapping[str, object], name: str) -> object:
    return timedelta(seconds=seconds(fields, name) or 0)


def _time(fields: Mapping[str, object], name: str) -> object:
    return datetime.fromtimestamp((moment(fields, name) or 0) / 1_000_000, UTC)


Shape = Mapping[str, "Leaf | Shape"]

_PROVIDER: Shape = {
    "name": _text,
    "displayName": _text,
    "description": _text,
    "disabled": _flag,
    "attributeMapping": _map,
    "attributeCondition": _text,
}

SHAPES: Mapping[str, Shape] = {
    "storage.googleapis.com/Bucket": {
        "name": _text,
        "location": _text,
        "locationType": _text,
        "storageClass": _text,
        "labels": _map,
        "defaultEventBasedHold": _flag,
        "versioning": {"enabled": _flag},
        "encryption": {"defaultKmsKeyName": _text},
        "iamConfiguration": {
            "publicAccessPrevention": _text,
            "uniformBucketLevelAccess": {"enabled": _flag},
        },
        "retentionPolicy": {"retentionPeriod": _number, "isLocked": _flag},
        "softDeletePolicy": {"retentionDurationSeconds": _number},
        "objectRetention": {"mode": _text},
    },
    "cloudkms.googleapis.com/CryptoKey": {
        "name": _text,
        "purpose": _text,
        "labels": _map,
        "rotationPeriod": _duration,
        "nextRotationTime": _time,
        "destroyScheduledDuration": _duration,
        "importOnly": _flag,
        "cryptoKeyBackend": _text,
        "versionTemplate": {"protectionLevel": _text, "algorithm": _text},
    },
    "cloudkms.googleapis.com/KeyRing": {"name": _text},
    "iam.googleapis.com/ServiceAccount": {
        "name": _text,
        "email": _text,
        "displayName": _text,
        "description": _text,
    },
    "iam.googleapis.com/WorkloadIdentityPoolProvider": {
        **_PROVIDER,
        "oidc": {"issuerUri": _text, "jwksJson": _text},
    },
    "iam.googleapis.com/WorkforcePoolProvider": {
        **_PROVIDER,
        "oidc": {"issuerUri": _text, "clientId": _text, "jwksJson": _text},
    },
    "cloudresourcemanager.googleapis.com/Project": {
        "projectId": _text,
        "displayName": _text,
        "parent": _text,
        "labels": _map,
    },
    "cloudresourcemanager.googleapis.com/Folder": {"displayName": _text, "parent": _text},
}
"""The types that expressions may judge, and their fields by what they are in CEL."""


def check(expression: str, kind: str) -> None:
    """Raise `invalid` unless an expression can judge resources of a type.

    It is tried on a resource whose every field has its default, and which has every label that the
    expression may mean: a field that is not described, and a comparison of unlike things, come out.
    """
    program = _compile(expression)
    labels = dict.fromkeys(_WORD.findall(expression), "")
    try:
        outcome = program.execute(_context(SHAPES[kind], {"labels": labels}))
    except Exception as problem:
        raise _wrong(first_line(problem)) from problem
    if not isinstance(outcome, bool):
        raise _wrong("the expression is not a condition: its value is neither true nor false")


def holds(expression: str, kind: str, fields: Mapping[str, object]) -> bool | None:
    """Tell whether an expression is true of a resource; None where it cannot be told."""
    try:
        outcome: object = _compile(expression).execute(_context(SHAPES[kind], fields))
    except Exception:  # noqa: BLE001 - the library raises what it likes; the caller refuses
        return None
    return outcome if isinstance(outcome, bool) else None


@lru_cache(maxsize=PROGRAMS_MAX)
def _compile(expression: str) -> Program:
    _check_text(expression)
    try:
        program: Program = library().compile(expression)
    except ValueError as problem:
        raise _wrong(first_line(problem)) from problem
    bound = set(_BOUND.findall(expression))
    known = _OPERATORS | _FUNCTIONS | bound | {"resource"}
    for name in (*program.functions(), *program.variables()):
        if name not in known:
            raise _wrong(f"undeclared reference to '{name}'")
    return program


def _check_text(expression: str) -> None:
    if not expression.strip():
        raise invalid("The condition is empty.", field=_FIELD)
    if len(expression) > EXPRESSION_CHARS_MAX:
        raise invalid(f"A condition has at most {EXPRESSION_CHARS_MAX} characters.", field=_FIELD)
    if depth(expression) > NESTING_MAX or arithmetic(expression) > ARITHMETIC_MAX:
        raise _wrong(
            f"brackets may be nested {NESTING_MAX} deep, and {ARITHMETIC_MAX} operators of "
            "arithmetic may stand in it"
        )
    if len(_MACRO.findall(expression)) > MACROS_MAX or _OTHER_MACRO.search(expression):
        raise _wrong(f"at most {MACROS_MAX} of all, exists, exists_one, map and filter may be used")
    if _HAS.search(expression):
        raise _wrong("has() is not available: a field that is absent has its default value")
    if not plain_matches(expression):
        raise _wrong(
            "matches() takes a literal pattern without escapes and counted repetition, up to"
            f" {PATTERN_CHARS_MAX} characters"
        )


def _context(shape: Shape, fields: Mapping[str, object]) -> Any:  # noqa: ANN401 - untyped library
    context = library().Context()
    context.add_variable("resource", _shaped(shape, fields))
    return context


def _shaped(shape: Shape, fields: Mapping[str, object]) -> dict[str, object]:
    return {
        name: leaf(fields, name)
        if callable(leaf)
        else _shaped(leaf, found if isinstance(found := fields.get(name), Mapping) else {})
        for name, leaf in shape.items()
    }


def _wrong(what: str) -> CloudError:
    return invalid(f"Error compiling expression: {what}.", field=_FIELD)
