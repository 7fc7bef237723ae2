"""CEL in places other than IAM's conditions: what may be said there, at a bounded cost.

An expression names the variables and functions that its place offers, nothing else; no macros, so
evaluation ends after as many steps as the text is long. What goes wrong in evaluation, a variable
without the member that is read included, is no answer: who asks must not admit anything by it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_network
from typing import Any

from rempart.core.cel import (
    ARITHMETIC_MAX,
    MACRO,
    NESTING_MAX,
    Program,
    arithmetic,
    depth,
    library,
)
from rempart.core.errors import invalid
from rempart.trust.policy.conditions import FUNCTIONS, OPERATORS, OURS
from rempart.trust.policy.perimeters.geography import parse_ip

EXPRESSION_CHARS_MAX = 4096
PROGRAMS_MAX = 1024
_log = logging.getLogger(__name__)


def _in_ranges(address: str, ranges: list[str]) -> bool:
    """Tell whether an address is in one of these networks (CIDR)."""
    parsed = parse_ip(address)
    return parsed is not None and any(parsed in ip_network(one) for one in ranges)


_FUNCTIONS: Mapping[str, Callable[..., object]] = {**OURS, "inIpRange": _in_ranges}
_KNOWN = (OPERATORS | FUNCTIONS | {"inIpRange"}) - {"getAttribute", "matches"}


def check(expression: str, variables: frozenset[str]) -> None:
    """Raise `invalid`, saying what is wrong, unless the expression could be evaluated."""
    _compiled(expression, variables)


def value(expression: str, variables: Mapping[str, object]) -> bool | None:
    """Tell whether an expression is true of these variables; None where it has no answer."""
    try:
        program = _compiled(expression, frozenset(variables))
        context = library().Context()
        for name, content in variables.items():
            context.add_variable(name, content)
        for name in program.functions():
            if name in _FUNCTIONS:
                context.add_function(name, _FUNCTIONS[name])
        outcome: object = program.execute(context)
    except Exception:  # noqa: BLE001 - the library raises what it likes; no error may admit
        _log.warning("an expression could not be evaluated, so it does not hold")
        return None
    return outcome if isinstance(outcome, bool) else None


@lru_cache(maxsize=PROGRAMS_MAX)
def _compiled(expression: str, variables: frozenset[str]) -> Program:
    if not expression.strip() or len(expression) > EXPRESSION_CHARS_MAX:
        raise invalid(f"An expression has 1 to {EXPRESSION_CHARS_MAX} characters.")
    if depth(expression) > NESTING_MAX or arithmetic(expression) > ARITHMETIC_MAX:
        raise invalid(
            f"An expression has brackets nested up to {NESTING_MAX} deep and up to "
            f"{ARITHMETIC_MAX} operators of arithmetic."
        )
    if MACRO.search(expression):
        raise invalid("Error compiling expression: macros are not available here.")
    try:
        program: Any = library().compile(expression)
    except ValueError as problem:
        first = (str(problem).splitlines() or ["syntax error"])[0][:300]
        raise invalid(f"Error compiling expression: {first}") from problem
    for name in (*program.functions(), *program.variables()):
        if name not in _KNOWN and name not in variables:
            raise invalid(f"Error compiling expression: undeclared reference to '{name}'")
    compiled: Program = program
    return compiled
