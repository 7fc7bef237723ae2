"""JSON as requests may carry it: one object in UTF-8, read in one way only.

Refused, because parsers disagree about them: duplicate member names, NaN and infinities, numbers
that overflow, lone surrogates, a byte order mark; and nesting past JSON_DEPTH_MAX.
"""

from __future__ import annotations

import json
import math
import re
from typing import NoReturn

from rempart.core.errors import CloudError, invalid, too_large
from rempart.core.limits import JSON_BODY_BYTES_MAX, JSON_DEPTH_MAX

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
_TOO_DEEP = f"nested more than {JSON_DEPTH_MAX} levels deep"


def read_object(content: bytes) -> dict[str, object]:
    """Return the object; empty for an empty body. Raise `parseError` naming what is wrong."""
    if not content:
        return {}
    _check_size(content)
    try:
        value = _decoded(content)
    except _Refused as problem:
        raise problem.error from None
    except json.JSONDecodeError as problem:
        where = f"{problem.msg} at line {problem.lineno}, column {problem.colno}"
        raise parse_error(where) from problem
    except UnicodeDecodeError as problem:
        raise parse_error(f"byte {problem.start} is not UTF-8") from problem
    except ValueError as problem:
        raise parse_error("a number has too many digits") from problem
    if value is None:  # what Go's encoder makes of an absent document
        return {}
    if not isinstance(value, dict):
        raise parse_error("the top level is not an object")
    return value


def _decoded(content: bytes) -> object:
    text = content.decode()
    value: object = _DECODER.decode(text)
    if "\\u" in text:
        _check_surrogates(value)
    return value


def parse_error(problem: str) -> CloudError:
    """Return the error for a document that is not the JSON it should be."""
    return invalid(f"Parse Error: {problem}.", reason="parseError")


class _Refused(Exception):  # noqa: N818 - it carries the error
    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.error = parse_error(problem)


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _Refused(f"member {json.dumps(name[:80])} occurs twice")
            seen.add(name)
    return members


def _constant(name: str) -> NoReturn:
    raise _Refused(f"{name} is not JSON")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _Refused("a number is too large")
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_constant=_constant, parse_float=_number
)


def _check_size(content: bytes) -> None:
    if len(content) > JSON_BODY_BYTES_MAX:
        raise too_large(f"The JSON document is longer than {JSON_BODY_BYTES_MAX} bytes.")
    if content.count(b"{") + content.count(b"[") > JSON_DEPTH_MAX:
        _check_depth(content)


def _check_depth(content: bytes) -> None:
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", content)):
        depth += 1 if bracket in b"[{" else -1
        if depth > JSON_DEPTH_MAX:
            raise parse_error(_TOO_DEEP)


def _check_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as problem:
        raise _Refused("a string holds a lone surrogate") from problem
