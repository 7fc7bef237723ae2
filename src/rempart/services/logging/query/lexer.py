"""The words of a filter: texts, quoted strings, operators, and where each stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

import msgspec

from rempart.services.logging.query.errors import syntax, unparseable

FILTER_CHARS_MAX = 20_000
"""Google's limit of a filter's length."""


class Sort(Enum):
    """What a token is."""

    TEXT = "text"
    STRING = "string"
    OPERATOR = "operator"
    MARK = "mark"
    END = "end"


class Token(msgspec.Struct, frozen=True, gc=False):
    """A token; `text` is what it means (a string without its quotes), `raw` what was written."""

    sort: Sort
    text: str
    raw: str
    start: int
    end: int

    def is_mark(self, *marks: str) -> bool:
        """Tell whether the token is one of these: parentheses, comma, minus, AND, OR, NOT."""
        return self.sort is Sort.MARK and self.text in marks


_SPACE = re.compile(r"(?:\s+|--[^\n]*)+")
_OPERATOR = re.compile(r"!=|<=|>=|=~|!~|[=<>:]")
_TEXT = re.compile(r"""[^\s()=<>!:,"'~]+""")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"' + "|" + r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-7]{3}|.)", re.DOTALL)
_SHORT = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_WORDS = frozenset(("AND", "OR", "NOT"))
_HEX, _OCTAL_DIGITS = "xuU", 3
_SURROGATES = range(0xD800, 0xE000)
_CODES = 0x110000


def tokens(text: str) -> list[Token]:
    """Return the tokens of a filter, the last one its end; raises `invalid`."""
    if len(text) > FILTER_CHARS_MAX:
        raise unparseable(f"it has {len(text)} characters; {FILTER_CHARS_MAX} are allowed")
    return list(_tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    at, after_operator = 0, False
    while True:
        space = _SPACE.match(text, at)
        at = space.end() if space else at
        if at >= len(text):
            yield Token(Sort.END, "", "", at, at)
            return
        token = _token(text, at, after_operator=after_operator)
        yield token
        at, after_operator = token.end, token.sort is Sort.OPERATOR


def _token(text: str, at: int, *, after_operator: bool) -> Token:
    if text[at] in "(),":
        return Token(Sort.MARK, text[at], text[at], at, at + 1)
    if text[at] == "-" and not after_operator:
        return Token(Sort.MARK, "-", "-", at, at + 1)
    for sort, pattern in ((Sort.STRING, _STRING), (Sort.OPERATOR, _OPERATOR), (Sort.TEXT, _TEXT)):
        found = pattern.match(text, at)
        if found is not None:
            return _matched(text, sort, found)
    raise syntax(text, at, text[at])


def _matched(text: str, sort: Sort, found: re.Match[str]) -> Token:
    raw, (start, end) = found[0], found.span()
    if sort is Sort.STRING:
        inner = found[1] if found[1] is not None else found[2]
        return Token(sort, _plain(text, inner, start), raw, start, end)
    if sort is Sort.TEXT and raw in _WORDS:
        return Token(Sort.MARK, raw, raw, start, end)
    return Token(sort, raw, raw, start, end)


def _plain(text: str, inner: str, at: int) -> str:
    def character(found: re.Match[str]) -> str:
        code = found[1]
        if len(code) == 1:
            # What is no escape of the language stays for regular expressions: `\d`, `\.`.
            return code if code in "\"'\\" else _SHORT.get(code, found[0])
        number = int(code[1:], 16) if code[0] in _HEX else int(code, 8)
        if number in _SURROGATES or number >= _CODES:
            raise syntax(text, at, found[0])
        return chr(number)

    return _ESCAPE.sub(character, inner)
