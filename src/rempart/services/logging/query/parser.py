"""From tokens to the tree. NOT binds closest, then OR, then AND, which may be left out.

A field path is texts and quoted strings joined by dots; a comparison's right side may be a Boolean
expression of values in parentheses.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from rempart.services.logging.query.errors import syntax, unparseable
from rempart.services.logging.query.fields import resolved
from rempart.services.logging.query.functions import FUNCTIONS, Argument, call
from rempart.services.logging.query.lexer import Sort, Token, tokens
from rempart.services.logging.query.tree import Anywhere, Both, Either, Everything, Negated, Node
from rempart.services.logging.query.values import compared, contains

DEPTH_MAX = 50
COMPARISONS_MAX = 1000
_CACHED = 256


@lru_cache(maxsize=_CACHED)
def parse(text: str) -> Node:
    """Return the tree of a filter; raises `invalid` naming the line and column."""
    return _Parser(text).whole()


class _Parser:
    """One pass over the tokens of a filter."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._at = 0
        self._comparisons = 0

    def whole(self) -> Node:
        if self._peek().sort is Sort.END:
            return Everything()
        node = self._conjunction(self._term, 0)
        if self._peek().sort is not Sort.END:
            raise self._wrong()
        return node

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _conjunction(self, leaf: Callable[[int], Node], depth: int) -> Node:
        parts = [self._disjunction(leaf, depth)]
        while self._peek().sort is not Sort.END and not self._peek().is_mark(")", ",", "OR"):
            if self._peek().is_mark("AND"):
                self._take()
            parts.append(self._disjunction(leaf, depth))
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _disjunction(self, leaf: Callable[[int], Node], depth: int) -> Node:
        parts = [self._factor(leaf, depth)]
        while self._peek().is_mark("OR"):
            self._take()
            parts.append(self._factor(leaf, depth))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _factor(self, leaf: Callable[[int], Node], depth: int) -> Node:
        if depth > DEPTH_MAX:
            raise unparseable(f"it is nested more than {DEPTH_MAX} levels deep")
        if self._peek().is_mark("NOT", "-"):
            self._take()
            return Negated(self._factor(leaf, depth + 1))
        if self._peek().is_mark("("):
            self._take()
            node = self._conjunction(leaf, depth + 1)
            self._expect(")")
            return node
        return leaf(depth)

    def _term(self, depth: int) -> Node:
        """Return a comparison, a call or a global restriction."""
        token = self._peek()
        if self._calls(token):
            return self._call()
        parts = self._path()
        if self._peek().sort is not Sort.OPERATOR:
            return self._global("".join(one.text for one in parts))
        path = resolved(_joined(self._text, parts))
        sign = self._take().text
        if self._peek().is_mark("("):
            self._take()
            node = self._conjunction(lambda _: self._value(path, sign), depth + 1)
            self._expect(")")
            return node
        return self._value(path, sign)

    def _global(self, text: str) -> Node:
        self._count()
        return Anywhere(contains(text))

    def _value(self, path: tuple[str, ...], sign: str) -> Node:
        self._count()
        if self._peek().sort not in {Sort.TEXT, Sort.STRING}:
            raise self._wrong()
        token = self._take()
        return compared(path, sign, token.text, quoted=token.sort is Sort.STRING)

    def _count(self) -> None:
        self._comparisons += 1
        if self._comparisons > COMPARISONS_MAX:
            raise unparseable(f"it has more than {COMPARISONS_MAX} comparisons")

    def _path(self) -> list[Token]:
        """Return texts and strings that touch each other."""
        if self._peek().sort not in {Sort.TEXT, Sort.STRING}:
            raise self._wrong()
        parts = [self._take()]
        while self._peek().sort in {Sort.TEXT, Sort.STRING} and self._peek().start == parts[-1].end:
            parts.append(self._take())
        return parts

    def _calls(self, token: Token) -> bool:
        if token.sort is not Sort.TEXT or token.text.lower() not in FUNCTIONS:
            return False
        follows = self._tokens[self._at + 1]
        return follows.is_mark("(") and follows.start == token.end

    def _call(self) -> Node:
        self._count()
        name = self._take().text
        self._expect("(")
        arguments = [self._argument()]
        while self._peek().is_mark(","):
            self._take()
            arguments.append(self._argument())
        self._expect(")")
        return call(name, arguments)

    def _argument(self) -> Argument:
        parts = self._path()
        return Argument(_joined(self._text, parts), "".join(one.text for one in parts))

    def _expect(self, mark: str) -> None:
        if not self._peek().is_mark(mark):
            raise self._wrong()
        self._take()

    def _wrong(self) -> Exception:
        return syntax(self._text, self._peek().start, self._peek().raw)


def _joined(text: str, parts: list[Token]) -> tuple[str, ...]:
    """Return the path that texts and strings make: dots part it, but not within quotes."""
    path = [""]
    closed = False
    for part in parts:
        if part.sort is Sort.STRING:
            if path[-1]:
                raise syntax(text, part.start, part.raw)
            path[-1], closed = part.text, True
            continue
        pieces = part.text.split(".")
        if closed and pieces[0]:
            raise syntax(text, part.start, part.raw)
        path[-1] += pieces[0]
        path += pieces[1:]
        closed = False
    return tuple(path)
