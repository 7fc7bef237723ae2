"""Conditions of rules: which tags the resource carries, of its own or from above.

The grammar is Google's and small, so it is read here and not by CEL: one to ten calls of
`resource.matchTag`, `matchTagId`, `hasTagKey` or `hasTagKeyId`, joined by `&&` and `||`.
Source: PolicySpec.PolicyRule.condition of google.cloud.orgpolicy.v2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from rempart.core.errors import invalid
from rempart.trust.policy.tags import Tag

SUBEXPRESSIONS_MAX = 10
EXPRESSION_CHARS_MAX = 4096
_TEXT = r"""(?:'([^'\\]{1,300})'|"([^"\\]{1,300})")"""
_CALL = re.compile(
    rf"\s*resource\.(?:(matchTag|matchTagId)\(\s*{_TEXT}\s*,\s*{_TEXT}\s*\)"
    rf"|(hasTagKey|hasTagKeyId)\(\s*{_TEXT}\s*\))\s*"
)


def check(expression: str) -> None:
    """Raise `invalid` unless an expression is of the form that conditions have."""
    _terms(expression)


def holds(expression: str, tags: Iterable[Tag]) -> bool:
    """Tell whether a condition is true of a resource with these tags."""
    carried = tuple(tags)
    return any(all(_is(call, carried) for call in terms) for terms in _terms(expression))


def _terms(expression: str) -> list[list[re.Match[str]]]:
    """Return the calls: any list of them must be wholly true (`&&` binds closer than `||`)."""
    if len(expression) > EXPRESSION_CHARS_MAX:
        raise invalid(f"A condition has at most {EXPRESSION_CHARS_MAX} characters.", field=_FIELD)
    found = [[_call(part) for part in term.split("&&")] for term in expression.split("||")]
    if sum(map(len, found)) > SUBEXPRESSIONS_MAX:
        raise invalid(f"A condition has at most {SUBEXPRESSIONS_MAX} subexpressions.", field=_FIELD)
    return found


def _call(text: str) -> re.Match[str]:
    found = _CALL.fullmatch(text)
    if found is None:
        message = (
            f"The condition {text.strip()[:200]!r} is none: it must be resource.matchTag('ORG/KEY',"
            " 'VALUE'), matchTagId, hasTagKey or hasTagKeyId, joined by && and ||."
        )
        raise invalid(message, field=_FIELD)
    return found


def _is(call: re.Match[str], carried: tuple[Tag, ...]) -> bool:
    match, *texts, has, single, double = call.groups()
    if match is not None:
        key, value = (texts[0] or texts[1], texts[2] or texts[3])
        if match == "matchTag":
            return any((tag.key_name, tag.value_name) == (key, value) for tag in carried)
        return any((tag.key, tag.value) == (key, value) for tag in carried)
    key = single or double
    return any((tag.key_name if has == "hasTagKey" else tag.key) == key for tag in carried)


_FIELD = "rules.condition.expression"
