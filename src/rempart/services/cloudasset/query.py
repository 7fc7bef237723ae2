"""The query of a policy search: words, `field:value`, `field=value`, AND, OR, NOT and brackets.

Each binding of a policy is compared by itself. A value is compared with whole words without regard
to case; a final `*` takes any word that begins so. Source: Google's page on searching policies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from rempart.core.errors import CloudError, invalid

QUERY_CHARS_MAX = 2048
WORDS_MAX = 64
NESTING_MAX = 8

Fields = Mapping[str, tuple[str, ...]]
Test = Callable[[Fields], bool]
_TOKEN = re.compile(r'\s*(\(|\)|"[^"]*"|[^\s()"]+?(?:[:=](?="|\())|[^\s()"]+)')
_WORD = re.compile(r"[a-z0-9_]+")
_NAMES = {
    "policy": ("role", "member", "condition"),
    "policy.role.permissions": ("permission",),
    "resource": ("resource",),
    "roles": ("role",),
    "memberTypes": ("type",),
    "project": ("project",),
}
_ANYWHERE = ("role", "member", "condition", "resource", "project")


def admits(text: str) -> Test:
    """Return the test of a query; an empty one admits everything. Raises `invalid`."""
    if len(text) > QUERY_CHARS_MAX:
        raise _wrong(f"has over {QUERY_CHARS_MAX} characters")
    tokens = [found[1] for found in _TOKEN.finditer(text)]
    if len(tokens) > WORDS_MAX:
        raise _wrong(f"has over {WORDS_MAX} words")
    if not tokens:
        return lambda _: True
    reading = _Reading(tokens)
    test = reading.either(0, _ANYWHERE, exact=False)
    if reading.at < len(tokens):
        raise _wrong("has a bracket too many")
    return test


class _Reading:
    """Reads the tokens of a query from left to right."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0

    def either(self, depth: int, fields: tuple[str, ...], *, exact: bool) -> Test:
        """Read tests between ORs."""
        if depth > NESTING_MAX:
            raise _wrong(f"has brackets over {NESTING_MAX} deep")
        tests = [self._both(depth, fields, exact=exact)]
        while self._next("OR"):
            tests.append(self._both(depth, fields, exact=exact))
        return lambda binding: any(test(binding) for test in tests)

    def _both(self, depth: int, fields: tuple[str, ...], *, exact: bool) -> Test:
        tests = [self._one(depth, fields, exact=exact)]
        while self.at < len(self.tokens) and self.tokens[self.at] not in {")", "OR"}:
            self._next("AND")
            tests.append(self._one(depth, fields, exact=exact))
        return lambda binding: all(test(binding) for test in tests)

    def _one(self, depth: int, fields: tuple[str, ...], *, exact: bool) -> Test:
        if self._next("NOT"):
            test = self._one(depth, fields, exact=exact)
            return lambda binding: not test(binding)
        if self._next("("):
            inner = self.either(depth + 1, fields, exact=exact)
            if not self._next(")"):
                raise _wrong("has a bracket too few")
            return inner
        if self.at == len(self.tokens) or self.tokens[self.at] in {")", "AND", "OR"}:
            raise _wrong("ends where a word should follow")
        token = self.tokens[self.at]
        self.at += 1
        name, sign, value = _split(token)
        if sign and not value:
            return self._one(depth, _NAMES[name], exact=sign == "=")
        return _compared(
            _NAMES[name] if sign else fields, value or token, exact=sign == "=" or exact
        )

    def _next(self, word: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at] == word
        self.at += found
        return found


def _split(token: str) -> tuple[str, str, str]:
    """Return the field, the sign and the value of a token; without a field, empty texts."""
    for name in sorted(_NAMES, key=len, reverse=True):
        if token.startswith((f"{name}:", f"{name}=")):
            return name, token[len(name)], token[len(name) + 1 :]
    return "", "", ""


def _compared(fields: tuple[str, ...], value: str, *, exact: bool) -> Test:
    wanted = value.strip('"').lower()
    if exact:
        return lambda binding: any(
            wanted == one.lower() for name in fields for one in binding.get(name, ())
        )
    prefix = wanted.endswith("*")
    words = _WORD.findall(wanted)
    if not words:
        raise _wrong(f"compares with {value[:40]!r}, which has no word")
    return lambda binding: any(
        _found(words, _WORD.findall(one.lower()), prefix=prefix)
        for name in fields
        for one in binding.get(name, ())
    )


def _found(wanted: list[str], words: list[str], *, prefix: bool) -> bool:
    """Tell whether words follow each other in a text; the last may be the beginning of one."""
    size = len(wanted)
    for at in range(len(words) - size + 1):
        part = words[at : at + size]
        if part[:-1] == wanted[:-1] and (
            part[-1] == wanted[-1] or (prefix and part[-1].startswith(wanted[-1]))
        ):
            return True
    return False


def _wrong(what: str) -> CloudError:
    return invalid(f"The query {what}.", field="query")
