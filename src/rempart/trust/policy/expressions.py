"""CEL in places other than IAM's conditions: what may be said there, at a bounded cost.

An expression names the variables and functions that its place offers, nothing else; no macros but
on a device's certificates, of which there is one at most, so evaluation ends after as many steps as
the text is long. What goes wrong in evaluation, a variable without the member that is read
included, is no answer: who asks must not admit anything by it.
"""

from __future__ import annotations

import logging
import re
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
DEVICE = "device"
"""The variable on whose certificates macros may be used, where a place offers it."""

ON_CERTIFICATES = re.compile(
    r"(?<![\w.])device\.certificates\.(?:exists|all|exists_one)\(\s*([A-Za-z_]\w*)\s*,"
)
"""The one form of such a macro, up to the name that it binds."""

FINGERPRINT = "clientCertFingerprint()"
"""The member of `origin` that the function of this name returns; no text can read it otherwise."""

PROGRAMS_MAX = 1024
_log = logging.getLogger(__name__)


def _in_ranges(address: str, ranges: list[str]) -> bool:
    """Tell whether an address is in one of these networks (CIDR)."""
    parsed = parse_ip(address)
    return parsed is not None and any(parsed in ip_network(one) for one in ranges)


def _client_fingerprint(origin: Mapping[str, str]) -> str:
    """Return the fingerprint of the certificate that came with a call; fails where none did."""
    return origin[FINGERPRINT]


_FUNCTIONS: Mapping[str, Callable[..., object]] = {
    **OURS,
    "inIpRange": _in_ranges,
    "clientCertFingerprint": _client_fingerprint,
}
_OF_DEVICES = frozenset(("@not_strictly_false", "clientCertFingerprint"))
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
    known = _KNOWN | variables | _bound(expression, device=DEVICE in variables)
    try:
        program: Any = library().compile(expression)
    except ValueError as problem:
        first = (str(problem).splitlines() or ["syntax error"])[0][:300]
        raise invalid(f"Error compiling expression: {first}") from problem
    for name in (*program.functions(), *program.variables()):
        if name not in known:
            raise invalid(f"Error compiling expression: undeclared reference to '{name}'")
    compiled: Program = program
    return compiled


def _bound(expression: str, *, device: bool) -> frozenset[str]:
    """Return what macros bind and call; raises `invalid` for those that are not offered.

    Their cost is bounded as long as `device.certificates` is what it says, a list of one at most:
    with maps written in the expression it could be something else.
    """
    rest = ON_CERTIFICATES.sub("(", expression) if device else expression
    if MACRO.search(rest):
        where = "but exists(), all() and exists_one() of device.certificates" if device else "here"
        raise invalid(f"Error compiling expression: macros are not available {where}.")
    if rest != expression and "{" in expression:
        raise invalid("Error compiling expression: macros and maps do not go together.")
    names = ON_CERTIFICATES.findall(expression) if device else ()
    return _OF_DEVICES.union(names) if device else frozenset()
