"""The free condition of a rule: a CEL expression over one request.

It may name the members of the request listed here and a few functions that end after as many steps
as the text is long: no macros, no patterns. Whatever goes wrong in evaluation, the rule does not
allow. An expression is tried once when a policy is loaded, so that a wrong type is found by whoever
writes the policy and not by whoever waits for an answer.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from rempart.core.errors import invalid
from rempart.ekm.model import reason
from rempart.ekm.model.key_use import KeyUse

if TYPE_CHECKING:
    from cel import Program

EXPRESSION_CHARS_MAX = 2048
OPERATORS_MAX = 64
PROGRAMS_MAX = 1024

VARIABLES = (
    *("verb", "key", "issuer", "caller", "project", "resource", "reason", "health_check"),
    *("principal", "operation", "target", "entry", "remote", "time"),
)
"""Texts, but for `health_check` (true or false) and `time` (a timestamp)."""

FUNCTIONS = ("startsWith", "endsWith", "contains", "size", "timestamp")
_OPERATORS = ("!_", "_&&_", "_||_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_?_:_", "@in")
_ALLOWED = frozenset((*VARIABLES, *FUNCTIONS, *_OPERATORS))
_MACRO = re.compile(r"\b(?:all|exists|exists_one|map|filter|has)(?:\s|//[^\n]*\n)*\(")
_LOGICAL = re.compile(r"&&|\|\||[!?<>=\[({,]")
_SAMPLE = KeyUse(
    time=0, verb="unwrap", key="v0/cryptospaces/s/keys/k", issuer="i", caller="c", project="1"
)
_log = logging.getLogger(__name__)


def check(expression: str) -> None:
    """Raise `invalid`, saying what is wrong, unless the expression answers yes or no."""
    program, names = _compile(expression)
    try:
        outcome = program.execute(_facts(_SAMPLE, names))
    except Exception as problem:
        raise invalid(f"cannot be evaluated: {_first_line(problem)}") from problem
    if not isinstance(outcome, bool):
        raise invalid("does not answer true or false")


def holds(expression: str, use: KeyUse) -> bool:
    """Tell whether the expression is true of a request; errors are no."""
    try:
        program, names = _compile(expression)
        return program.execute(_facts(use, names)) is True
    except Exception:  # noqa: BLE001 - the library raises what it likes; no error may allow
        _log.warning("a condition could not be evaluated, so its rule does not allow")
        return False


@lru_cache(maxsize=PROGRAMS_MAX)
def _compile(expression: str) -> tuple[Program, tuple[str, ...]]:
    import cel  # noqa: PLC0415 - takes 0.2 s, and most policies have no condition

    if not expression.strip() or len(expression) > EXPRESSION_CHARS_MAX:
        raise invalid(f"must have 1 to {EXPRESSION_CHARS_MAX} characters")
    if len(_LOGICAL.findall(expression)) > OPERATORS_MAX:
        raise invalid(f"has over {OPERATORS_MAX} operators, calls and members of lists")
    if _MACRO.search(expression):
        raise invalid("uses a macro (all, exists, map, filter, has), which conditions do not have")
    try:
        program: Program = cel.compile(expression)
    except ValueError as problem:
        raise invalid(_first_line(problem)) from problem
    names = tuple(program.variables())
    for name in (*program.functions(), *names):
        if name not in _ALLOWED:
            raise invalid(f"names '{name}', which conditions do not have")
    return program, names


def _facts(use: KeyUse, names: tuple[str, ...]) -> dict[str, Any]:
    """Return those members of a request that an expression names."""
    return {name: _FACTS[name](use) for name in names}


def _first_line(problem: Exception) -> str:
    lines = str(problem).splitlines()
    return lines[0][:300] if lines else "syntax error"


_FACTS: dict[str, Callable[[KeyUse], Any]] = {
    **{name: attrgetter(name) for name in VARIABLES},
    "reason": lambda use: reason.named(use.reason),
    "time": lambda use: datetime.fromtimestamp(use.time / 1_000_000, UTC),
}
