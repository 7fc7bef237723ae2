"""The functions of the language: log_id, sample, ip_in_net, source and SEARCH."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import quote

from rempart.services.logging.query.errors import unparseable
from rempart.services.logging.query.fields import resolved
from rempart.services.logging.query.tree import (
    Anywhere,
    Both,
    Compared,
    Everything,
    Node,
    Path,
    Scalar,
    Test,
)

_LOG_NAME: Path = ("logName",)
_TOKEN = re.compile(r"[^\s\x00-\x23\x25-\x2c\x2e\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]+")
_PHRASE = re.compile(r"`([^`]*)`")
_HASH_BYTES = 8


class Argument:
    """An argument: a path of parts as written, and the text of a value."""

    __slots__ = ("path", "text")

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.text = text


def call(name: str, arguments: Sequence[Argument]) -> Node:
    """Return the node of a call; raises `invalid` for arguments that it cannot be called with."""
    make, counts = FUNCTIONS[name.lower()]
    if len(arguments) not in counts:
        wanted = " or ".join(map(str, counts))
        raise unparseable(f"{name} takes {wanted} arguments, not {len(arguments)}")
    return make(*arguments)


def _log_id(log: Argument) -> Node:
    wanted = quote(log.text, safe="").casefold()

    def test(values: tuple[Scalar, ...]) -> bool:
        return any(_log_of(one).casefold() == wanted for one in values)

    return Compared(_LOG_NAME, Test(test))


def _log_of(name: Scalar) -> str:
    return str(name).partition("/logs/")[2]


def _source(ancestry: Argument) -> Node:
    wanted = f"{ancestry.text.casefold()}/logs/"

    def test(values: tuple[Scalar, ...]) -> bool:
        return any(str(one).casefold().startswith(wanted) for one in values)

    return Compared(_LOG_NAME, Test(test))


def _sample(field: Argument, fraction: Argument) -> Node:
    try:
        share = float(fraction.text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise unparseable("the fraction of sample lies between 0.0 and 1.0")

    def test(values: tuple[Scalar, ...]) -> bool:
        digest = hashlib.sha256(repr(values).encode()).digest()[:_HASH_BYTES]
        return int.from_bytes(digest, "big") < share * (1 << 8 * _HASH_BYTES)

    return Compared(resolved(field.path), Test(test))


def _ip_in_net(field: Argument, net: Argument) -> Node:
    try:
        network = ipaddress.ip_network(net.text, strict=False)
    except ValueError as problem:
        raise unparseable(f"{net.text[:60]!r} is no network; write 10.1.2.0/24") from problem

    def one(found: Scalar) -> bool:
        try:
            return bool(ipaddress.ip_address(str(found)) in network)
        except ValueError:
            return False

    return Compared(resolved(field.path), Test(lambda values: any(map(one, values))))


def _search(*arguments: Argument) -> Node:
    wanted = _wanted(arguments[-1].text)
    if not wanted:
        return Everything()
    tests = [_holds(each) for each in wanted]
    if len(arguments) == 1:
        return Both(tuple(Anywhere(test) for test in tests))
    path = resolved(arguments[0].path)
    return Both(tuple(Compared(path, test, within=True) for test in tests))


def _wanted(query: str) -> list[list[str]]:
    """Return runs of tokens: single words, and phrases in backticks."""
    phrases = [_tokens(found) for found in _PHRASE.findall(query)]
    words = [[word] for word in _tokens(_PHRASE.sub(" ", query))]
    return [one for one in (*phrases, *words) if one]


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text.casefold())


def _holds(run: list[str]) -> Test:
    first = run[0]

    def one(found: Scalar) -> bool:
        text = str(found).casefold()
        if first not in text:
            return False
        there = _tokens(text)
        return any(there[at : at + len(run)] == run for at in range(len(there)))

    def many(texts: str) -> Iterable[int] | None:
        # The first token rules most columns out; where it occurs, each text is asked.
        return None if first in texts.casefold() else ()

    return Test(lambda values: any(map(one, values)), many)


FUNCTIONS: dict[str, tuple[Callable[..., Node], tuple[int, ...]]] = {
    "log_id": (_log_id, (1,)),
    "source": (_source, (1,)),
    "sample": (_sample, (2,)),
    "ip_in_net": (_ip_in_net, (2,)),
    "search": (_search, (1, 2)),
}
"""By name in lower case: what makes the node, and with how many arguments."""
