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
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import msgspec

from rempart.core.clock import Micros
from rempart.core.errors import invalid
from rempart.core.names import ProjectId, ResourceName
from rempart.trust.policy.tags import Tag

EXPRESSION_CHARS_MAX = 4096
LOGICAL_OPERATORS_MAX = 12
PATTERN_CHARS_MAX = 256
NESTING_MAX = 32
"""Brackets within brackets: what the parser would need long to refuse is refused first."""

PROGRAMS_MAX = 2048

OF_REQUEST = frozenset(("resource", "request", "api"))
"""What conditions of bindings and of deny rules may read."""

OF_PRINCIPAL = frozenset(("principal",))
"""What conditions of policy bindings may read: `principal.type` and `principal.subject`."""

_OPERATORS = frozenset(
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
_FUNCTIONS = frozenset(
    ("startsWith", "endsWith", "contains", "matches", "extract", "size", "hasOnly")
) | frozenset(("getAttribute", "timestamp", "duration", "date", "int", "string", *_TIME_PARTS))
_TAG_TESTS: Mapping[str, Callable[..., bool]] = {
    "matchTag": lambda tag, key, value: (tag.key_name, tag.value_name) == (key, value),
    "matchTagId": lambda tag, key, value: (tag.key, tag.value) == (key, value),
    "hasTagKey": lambda tag, key: tag.key_name == key,
    "hasTagKeyId": lambda tag, key: tag.key == key,
}
"""Whether a tag is the one that an expression asks for."""

_NO_TAG = Tag("", "", "", "")

_ALLOWED = _OPERATORS | _FUNCTIONS | _TAG_TESTS.keys()
_MACRO = re.compile(
    r"\b(?:all|exists|exists_one|map|filter|transform\w*|bind|optMap|optFlatMap)"
    r"(?:\s|//[^\n]*\n)*\("
)
_MATCHES = re.compile(r"\bmatches\b")
_PLAIN_MATCH = re.compile(
    rf"""\.matches\((?:"[^"\\{{\n]{{0,{PATTERN_CHARS_MAX}}}"|'[^'\\{{\n]{{0,{PATTERN_CHARS_MAX}}}')\)"""
)
_TAGS = re.compile(r"\b(?:matchTag|hasTagKey)(?:Id)?\b")
_PLAIN_TAGS = re.compile(r"\bresource\.(?:matchTag|hasTagKey)(?:Id)?\(")
_LOGICAL = re.compile(r"&&|\|\||!(?!=)")
_OFFSET = re.compile(r"([+-]?)(\d{2}):(\d{2})")
_PLACEHOLDER = re.compile(r"([^{}]*)\{[A-Za-z_][A-Za-z0-9_]*\}([^{}]*)")
_log = logging.getLogger(__name__)


class Situation(msgspec.Struct, frozen=True, gc=False):
    """What conditions may ask about: the resource, the time, and the API's own attributes.

    `principal` is the type and the subject of who asks. `tags` are those in effect on the resource;
    None where nobody looked, and then a condition that asks for tags cannot be evaluated.
    """

    resource: ResourceName
    time: Micros
    attributes: Mapping[str, str] = {}
    principal: tuple[str, str] = ("", "")
    project: ProjectId | None = None
    tags: tuple[Tag, ...] | None = None


def _library() -> Any:  # noqa: ANN401 - untyped library
    """Return the CEL library: imported at the first condition, because it takes 0.2 s."""
    import cel  # noqa: PLC0415

    return cel


class Program(Protocol):
    """What is used of a compiled expression."""

    def execute(self, context: object) -> object:
        """Return its value."""

    def functions(self) -> list[str]:
        """Return the names of the functions that it calls."""

    def variables(self) -> list[str]:
        """Return the names of the variables that it reads."""


@dataclass(frozen=True, slots=True)
class _Condition:
    """A compiled expression, those of our functions that it calls, and its questions about tags."""

    program: Program
    functions: tuple[tuple[str, Callable[..., object]], ...]
    tag_tests: tuple[tuple[str, Callable[..., bool]], ...]
    asks_who: bool


def asks_for_tags(expression: str) -> bool:
    """Tell whether a condition may need the tags of the resource."""
    return "Tag" in expression


def check(expression: str, variables: frozenset[str] = OF_REQUEST) -> None:
    """Raise `invalid`, saying what is wrong, unless the expression could be evaluated."""
    _compile(expression, variables)


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
        program = _library().compile(expression)
    except ValueError as problem:
        raise invalid(f"Error compiling expression: {_first_line(problem)}") from problem
    called = program.functions()
    for name in (*called, *program.variables()):
        if name not in _ALLOWED and name not in variables:
            raise invalid(f"Error compiling expression: undeclared reference to '{name}'")
    functions = tuple((name, _OURS[name]) for name in called if name in _OURS)
    tag_tests = tuple((name, _TAG_TESTS[name]) for name in called if name in _TAG_TESTS)
    asks_who = "principal" in program.variables()
    return _Condition(program, functions, tag_tests, asks_who=asks_who)


def _check_text(expression: str) -> None:
    if not expression.strip():
        raise invalid("Condition expression is empty.")
    if len(expression) > EXPRESSION_CHARS_MAX:
        raise invalid(f"Condition expression exceeds {EXPRESSION_CHARS_MAX} characters.")
    if len(_LOGICAL.findall(expression)) > LOGICAL_OPERATORS_MAX:
        raise invalid(f"Condition expression has over {LOGICAL_OPERATORS_MAX} logical operators.")
    if _depth(expression) > NESTING_MAX:
        raise invalid(f"Condition expression has brackets nested over {NESTING_MAX} deep.")
    if _MACRO.search(expression):
        raise invalid("Error compiling expression: macros are not available in IAM conditions.")
    if len(_TAGS.findall(expression)) != len(_PLAIN_TAGS.findall(expression)):
        raise invalid("Error compiling expression: tags are asked for by resource.matchTag(…).")
    if len(_MATCHES.findall(expression)) != len(_PLAIN_MATCH.findall(expression)):
        raise invalid(
            "Error compiling expression: matches() takes a literal pattern without escapes and "
            f"counted repetition, up to {PATTERN_CHARS_MAX} characters."
        )


def _depth(expression: str) -> int:
    depth = deepest = 0
    for character in expression:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return deepest


def _first_line(problem: ValueError) -> str:
    lines = str(problem).splitlines()
    return lines[0][:300] if lines else "syntax error"


def _context(condition: _Condition, situation: Situation) -> Any:  # noqa: ANN401 - untyped library
    context = _library().Context()
    resource = situation.resource
    context.add_variable(
        "resource",
        {"name": resource.name, "type": resource.type, "service": resource.service},
    )
    moment = datetime.fromtimestamp(situation.time / 1_000_000, UTC)
    context.add_variable("request", {"time": moment})
    context.add_variable("api", dict(situation.attributes))
    if condition.asks_who:
        kind, subject = situation.principal
        context.add_variable("principal", {"type": kind, "subject": subject})
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


def _extract(text: str, template: str) -> str:
    """Return what stands for the template's placeholder in a text, empty if it does not match."""
    match = _PLACEHOLDER.fullmatch(template)
    if match is None:
        raise ValueError("a template has one placeholder")
    before, after = match.groups()
    _, found, rest = text.partition(before) if before else ("", "yes", text)
    if not found:
        return ""
    if not after:
        return rest
    value, end, _ = rest.partition(after)
    return value if end else ""


_OURS: Mapping[str, Callable[..., object]] = {
    "getAttribute": lambda attributes, name, default: attributes.get(name, default),
    "extract": _extract,
    "hasOnly": lambda values, allowed: set(values) <= set(allowed),
    "date": lambda text: datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC),
    **{name: _zoned(part) for name, part in _TIME_PARTS.items()},
}
"""Functions of IAM's that the library lacks, or lacks time zones in."""
