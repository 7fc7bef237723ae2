"""IAM conditions: CEL expressions over the resource and the time of a request.

The language is the library's; what IAM allows of it is decided here. An expression may name
`resource`, `request` and `api` and the listed functions, nothing else: no macros, so evaluation
ends after as many steps as the text is long. Whatever goes wrong in evaluation, the binding does
not count. Source: Google's attribute reference for IAM conditions.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache, partial
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from rempart.core.call import NOBODY, Peer
from rempart.core.cel import (
    ARITHMETIC_MAX,
    MACRO,
    NESTING_MAX,
    PATTERN_CHARS_MAX,
    Program,
    arithmetic,
    depth,
    extract,
    first_line,
    library,
    plain_matches,
)
from rempart.core.clock import Micros
from rempart.core.errors import invalid
from rempart.core.names import ProjectId, ResourceName
from rempart.trust.policy import attributes
from rempart.trust.policy.tags import Tag

EXPRESSION_CHARS_MAX = 4096
LOGICAL_OPERATORS_MAX = 12
PROGRAMS_MAX = 2048

OF_REQUEST = frozenset(("resource", "request", "api"))
"""What conditions of bindings and of deny rules may read."""

OF_PRINCIPAL = frozenset(("principal",))
"""What conditions of policy bindings may read: `principal.type` and `principal.subject`."""

OPERATORS = frozenset(
    ("!_", "_&&_", "_||_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_?_:_")
) | frozenset(("_+_", "_-_", "@in", "_[_]"))
_TIME_PARTS: Mapping[str, Callable[[datetime], int]] = {
    "getFullYear": lambda moment: moment.year,
    "getMonth": lambda moment: moment.month - 1,
    "getDate": lambda moment: moment.day,
    "getDayOfMonth": lambda moment: moment.day - 1,
    "getDayOfWeek": lambda moment: moment.isoweekday() % 7,
    "getDayOfYear": lambda moment: moment.timetuple().tm_yday - 1,
    "getHours": lambda moment: moment.hour,
    "getMinutes": lambda moment: moment.minute,
    "getSeconds": lambda moment: moment.second,
    "getMilliseconds": lambda moment: moment.microsecond // 1000,
}
FUNCTIONS = frozenset(
    ("startsWith", "endsWith", "contains", "matches", "extract", "size", "hasOnly")
) | frozenset(("getAttribute", "timestamp", "duration", "date", "int", "string", *_TIME_PARTS))
MODIFIED = "iam.googleapis.com/modifiedGrantsByRole"
ATTRIBUTES = frozenset(("storage.googleapis.com/objectListPrefix", MODIFIED))
"""What `api.getAttribute` knows of calls."""

_ATTRIBUTE = re.compile(r"""getAttribute\s*\(\s*(?:"([^"\\]*)"|'([^'\\]*)')""")
_TAG_TESTS: Mapping[str, Callable[..., bool]] = {
    "matchTag": lambda tag, key, value: (tag.key_name, tag.value_name) == (key, value),
    "matchTagId": lambda tag, key, value: (tag.key, tag.value) == (key, value),
    "hasTagKey": lambda tag, key: tag.key_name == key,
    "hasTagKeyId": lambda tag, key: tag.key == key,
}
"""Whether a tag is the one that an expression asks for."""

_NO_TAG = Tag("", "", "", "")

_ALLOWED = OPERATORS | FUNCTIONS | _TAG_TESTS.keys()
_TAGS = re.compile(r"\b(?:matchTag|hasTagKey)(?:Id)?\b")
_PLAIN_TAGS = re.compile(r"\bresource\.(?:matchTag|hasTagKey)(?:Id)?\(")
_LEVELS = re.compile(r"access_levels")
_PLAIN_LEVELS = re.compile(
    r"""(['"])accessPolicies/\d+/accessLevels/\w+\1\s+in\s+request\.auth\.access_levels\b"""
)
_LOGICAL = re.compile(r"&&|\|\||!(?!=)")
_RESOURCE = re.compile(r"\bresource\b")
_RESOURCE_FIELD = re.compile(r"\bresource\.(name|type|service)\b(?!\s*\()")
_OFFSET = re.compile(r"([+-]?)(\d{2}):(\d{2})")
_log = logging.getLogger(__name__)


class Situation(msgspec.Struct, frozen=True, gc=False):
    """What conditions may ask about: the resource, the time, and the API's own attributes.

    `principal` is the type and the subject of who asks. `tags` are those in effect on the resource;
    None where nobody looked, and then a condition that asks for tags cannot be evaluated. `levels`
    are the access levels that who asks has, None likewise; they hang on `member` and `peer`.
    `modified` are the roles of which the call gives or takes something in a policy; None where that
    is not known, and then a condition that asks for them cannot be evaluated.
    """

    resource: ResourceName
    time: Micros
    attributes: Mapping[str, str] = {}
    principal: tuple[str, str] = ("", "")
    project: ProjectId | None = None
    tags: tuple[Tag, ...] | None = None
    levels: tuple[str, ...] | None = None
    member: str = ""
    peer: Peer = NOBODY
    modified: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Condition:
    """A compiled expression: what it reads, which of our functions and tests of tags it calls."""

    program: Program
    functions: tuple[tuple[str, Callable[..., object]], ...]
    variables: tuple[tuple[str, Callable[[Situation], Mapping[str, object]]], ...]
    tag_tests: tuple[tuple[str, Callable[..., bool]], ...]


_TRIAL = Situation(
    ResourceName("example.googleapis.com", "example.googleapis.com/Example", "projects/example"),
    Micros(0),
    tags=(),
    levels=(),
)
"""What `check` tries an expression on."""


def asks_for_tags(expression: str) -> bool:
    """Tell whether a condition may need the tags of the resource."""
    return "Tag" in expression


def asks_for_levels(expression: str) -> bool:
    """Tell whether a condition needs the access levels of who asks."""
    return "access_levels" in expression


def check(expression: str, variables: frozenset[str] = OF_REQUEST) -> None:
    """Raise `invalid`, saying what is wrong, unless the expression could be evaluated.

    Types that do not go together are found as far as one trial shows them.
    """
    condition = _compile(expression, variables)
    try:
        value: object = condition.program.execute(_context(condition, _TRIAL))
    except TypeError as problem:
        raise invalid(f"Error compiling expression: {_sentence(problem)}") from problem
    except Exception:  # noqa: BLE001 - what else goes wrong may hang on what is asked about
        return
    if not isinstance(value, bool):
        raise invalid("Error compiling expression: a condition is true or false.")


def _sentence(problem: Exception) -> str:
    return first_line(problem).partition(". ")[0]


def holds(expression: str, situation: Situation) -> bool:
    """Tell whether a condition that grants is true; anything else, errors included, is no."""
    return outcome(expression, situation) is True


def spares(expression: str, situation: Situation, variables: frozenset[str] = OF_REQUEST) -> bool:
    """Tell whether a condition that restricts is false; anything else, errors included, is no."""
    return outcome(expression, situation, variables) is False


def outcome(
    expression: str, situation: Situation, variables: frozenset[str] = OF_REQUEST
) -> object:
    """Return what a condition comes to, None where it could not be evaluated."""
    try:
        condition = _compile(expression, variables)
        value: object = condition.program.execute(_context(condition, situation))
    except Exception:  # noqa: BLE001 - the library raises what it likes; no error may grant
        _log.warning("a condition could not be evaluated: it does not grant, or does restrict")
        return None
    return value


@lru_cache(maxsize=PROGRAMS_MAX)
def _compile(expression: str, variables: frozenset[str]) -> _Condition:
    _check_text(expression)
    try:
        program = library().compile(expression)
    except ValueError as problem:
        raise invalid(f"Error compiling expression: {first_line(problem)}") from problem
    called = program.functions()
    for name in (*called, *program.variables()):
        if name not in _ALLOWED and name not in variables:
            raise invalid(f"Error compiling expression: undeclared reference to '{name}'")
    functions = tuple((name, OURS[name]) for name in called if name in OURS)
    tag_tests = tuple((name, _TAG_TESTS[name]) for name in called if name in _TAG_TESTS)
    read = {**_READ, "resource": _resource(expression)}
    named = sorted(variables & set(program.variables()))
    return _Condition(program, functions, tuple((name, read[name]) for name in named), tag_tests)


def _check_text(expression: str) -> None:
    if not expression.strip():
        raise invalid("Condition expression is empty.")
    if len(expression) > EXPRESSION_CHARS_MAX:
        raise invalid(f"Condition expression exceeds {EXPRESSION_CHARS_MAX} characters.")
    if len(_LOGICAL.findall(expression)) > LOGICAL_OPERATORS_MAX:
        raise invalid(f"Condition expression has over {LOGICAL_OPERATORS_MAX} logical operators.")
    if depth(expression) > NESTING_MAX:
        raise invalid(f"Condition expression has brackets nested over {NESTING_MAX} deep.")
    if arithmetic(expression) > ARITHMETIC_MAX:
        raise invalid(f"Condition expression has over {ARITHMETIC_MAX} operators of arithmetic.")
    _check_language(expression)


def _check_language(expression: str) -> None:
    """Refuse what CEL has and conditions have not."""
    if MACRO.search(expression):
        raise invalid("Error compiling expression: macros are not available in IAM conditions.")
    _check_questions(expression)
    _check_attributes(expression)
    if not plain_matches(expression):
        raise invalid(
            "Error compiling expression: matches() takes a literal pattern without escapes and "
            f"counted repetition, up to {PATTERN_CHARS_MAX} characters."
        )


def _check_attributes(expression: str) -> None:
    for found in map("".join, _ATTRIBUTE.findall(expression)):
        if found not in ATTRIBUTES:
            message = f"the attribute {found[:100]!r} is not offered in conditions."
            raise invalid(f"Error compiling expression: {message}")
    unknown = attributes.unknown(expression)
    if unknown is not None:
        message = f"the attribute {unknown[:100]!r} is not offered in conditions."
        raise invalid(f"Error compiling expression: {message}")


def _check_questions(expression: str) -> None:
    """Raise unless tags and access levels are asked for in the one way that is looked up."""
    if len(_TAGS.findall(expression)) != len(_PLAIN_TAGS.findall(expression)):
        raise invalid("Error compiling expression: tags are asked for by resource.matchTag(…).")
    if len(_LEVELS.findall(expression)) != len(_PLAIN_LEVELS.findall(expression)):
        raise invalid(
            "Error compiling expression: access levels are asked for by "
            "'accessPolicies/NUMBER/accessLevels/NAME' in request.auth.access_levels."
        )


def _context(condition: _Condition, situation: Situation) -> Any:  # noqa: ANN401 - untyped library
    """Return what a condition reads of a situation; converting what it does not read costs most."""
    context = library().Context()
    for name, value in condition.variables:
        context.add_variable(name, value(situation))
    for name, function in condition.functions:
        context.add_function(name, function)
    for name, test in condition.tag_tests:
        context.add_function(name, partial(_any_tag, situation.tags, test))
    return context


def _any_tag(
    tags: tuple[Tag, ...] | None, test: Callable[..., bool], _resource: object, *asked: object
) -> bool:
    """Tell whether the resource has a tag that passes a test."""
    if tags is None or not all(isinstance(one, str) for one in asked):
        raise ValueError("nobody looked which tags the resource has, or no tag is asked for")
    test(_NO_TAG, *asked)  # too few or too many names are an error, whatever the tags
    return any(test(tag, *asked) for tag in tags)


def _request(situation: Situation) -> Mapping[str, object]:
    """Return what `request` is: where nobody looked for access levels, reading them fails."""
    time = datetime.fromtimestamp(situation.time / 1_000_000, UTC)
    if situation.levels is None:
        return {"time": time}
    return {"time": time, "auth": {"access_levels": list(situation.levels)}}


def _api(situation: Situation) -> Mapping[str, object]:
    """Return the API's attributes: where nobody knows what a call modifies, that is not there."""
    modified = situation.modified
    known = {} if modified is None else {MODIFIED: list(modified)}
    return {**situation.attributes, **known}


_READ: Mapping[str, Callable[[Situation], Mapping[str, object]]] = {
    "request": _request,
    "api": _api,
    "principal": lambda situation: dict(zip(("type", "subject"), situation.principal, strict=True)),
}
"""What each variable is in a situation."""


def _resource(expression: str) -> Callable[[Situation], Mapping[str, object]]:
    """Return what `resource` is for an expression: the fields that it names, if it says no more."""
    named = _RESOURCE_FIELD.findall(expression)
    whole = len(named) < len(_RESOURCE.findall(expression))
    fields = ("name", "type", "service") if whole else tuple(dict.fromkeys(named))
    return lambda situation: {field: getattr(situation.resource, field) for field in fields}


def _zoned(part: Callable[[datetime], int]) -> Callable[..., int]:
    """Return a time function that takes a zone, as the library's own do not."""
    return lambda moment, zone="UTC": part(_in_zone(moment, zone))


def _in_zone(moment: datetime, zone: str) -> datetime:
    offset = _OFFSET.fullmatch(zone)
    if offset is None:
        return moment.astimezone(ZoneInfo(zone))
    sign, hours, minutes = offset.groups()
    shift = timedelta(hours=int(hours), minutes=int(minutes))
    return moment.astimezone(timezone(-shift if sign == "-" else shift))


def _attribute(attributes: Mapping[str, object], name: str, default: object) -> object:
    """Return an attribute of the API; one that this universe never tells is an error.

    So are the modified roles where they are not known: by Google's default, that there are none, a
    condition on the roles that somebody may grant would admit the granting of any.
    """
    if name not in ATTRIBUTES or (name == MODIFIED and name not in attributes):
        raise ValueError("no method of this universe has that attribute")
    return attributes.get(name, default)


OURS: Mapping[str, Callable[..., object]] = {
    "getAttribute": _attribute,
    "extract": extract,
    "hasOnly": lambda values, allowed: set(values) <= set(allowed),
    "date": lambda text: datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC),
    **{name: _zoned(part) for name, part in _TIME_PARTS.items()},
}
"""Functions of IAM's that the library lacks, or lacks time zones in."""
