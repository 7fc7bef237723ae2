"""Collects openings and tiles of a log over its API, until all that was asked for is there."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from rempart.cli.log_site import LogState
from rempart.tlog.checkpoint import parse_checkpoint
from rempart.tlog.note import Note, parse_note
from rempart.tlog.policy import parse_policy
from rempart.tlog.tiles import Tile
from rempart.verifier.bundle import (
    FORMAT,
    LINE_BYTES_MAX,
    Line,
    Manifest,
    encode,
    parse_line,
    size_of,
)
from rempart.verifier.leaf import LISTS, NOT_JSON, decode
from rempart.verifier.making import Collected
from rempart.verifier.receipts import Receipt

ANSWER_SECONDS_MAX = 120.0
ANSWER_BYTES_MAX = 256 << 20
COVERED_SECONDS = 60.0
"""How long to wait for a checkpoint that covers what was collected."""

_PAUSE_SECONDS = 0.3
_USUAL_SECONDS = 3.0
"""How long a checkpoint usually takes: nobody is told of a wait before, unless why is known."""


class NotCollected(Exception):  # noqa: N818 - it is named for what is told
    """The universe gave no answer, or not one that is good for a proof; the text is for people."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to collect; `earlier` are checkpoints that the newest is to be tied to.

    Without a policy, the bundle has the operator's.
    """

    parent: str
    start: int = 0
    receipts: tuple[Receipt, ...] = ()
    earlier: tuple[Note, ...] = ()
    policy: bytes = b""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of openings, and where the next begins; empty where there is none."""

    lines: list[Line]
    token: str
    statement: Line
    """The entry of the very call that was answered with this page."""


class Log:
    """A universe's log, asked with a credential; `tell` hears, once, what is waited for."""

    def __init__(
        self,
        url: str,
        token: str,
        wait: float = COVERED_SECONDS,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._tell = tell
        self._url = url.rstrip("/")
        self._token = token
        self._wait = wait
        context = ssl.create_default_context(cafile=os.environ.get("REQUESTS_CA_BUNDLE"))
        https = urllib.request.HTTPSHandler(context=context)
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)

    def tile(self, tile: Tile) -> bytes:
        """Return a tile; raises `NotCollected`."""
        return self._ask(f"/.log/{tile.path}")

    def policy(self) -> bytes:
        """Return the operator's policy: what a checkpoint must have before it is published."""
        return self._ask("/.log/policy")

    def checkpoint(self, count: int) -> bytes:
        """Return a checkpoint of so many entries at least, waited for."""
        begun, told = time.monotonic(), False
        while True:
            content = self._ask("/.log/checkpoint")
            if (size := size_of(parse_note(content))) >= count:
                return content
            waited = time.monotonic() - begun
            why = "" if told and waited <= self._wait else self._lacking()
            if waited > self._wait:
                raise NotCollected(
                    f"No checkpoint of {count} entries is published. {why or 'Try again.'}"
                )
            if not told and (why or waited > _USUAL_SECONDS):
                told = True
                self._tell(
                    f"Waiting up to {self._wait:g} s for a checkpoint of {count} entries; one of"
                    f" {size} is published. {why}".rstrip()
                )
            time.sleep(_PAUSE_SECONDS)

    def _lacking(self) -> str:
        """Return why no newer checkpoint is published, as far as the universe says."""
        return LogState(json.loads(self._ask("/.log/witnesses"))).problem

    def page(self, parent: str, start: int, token: str) -> Page:
        """Return a page of openings, which is one entry of the log; raises `NotCollected`."""
        asked = {"pageToken": token} if token else {"startIndex": str(start)}
        path = f"/transparency/v1/{urllib.parse.quote(parent)}/openings"
        content = self._ask(f"{path}?{urllib.parse.urlencode(asked)}", own=True)
        try:
            document: dict[str, Any] = json.loads(content)
            lines = [_line(one) for one in document.get("openings", [])]
            statement = _line(document["statement"])
            return Page(lines, str(document.get("nextPageToken", "")), statement)
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise NotCollected(f"The universe answers {path} with no openings.") from problem

    def _ask(self, path: str, *, own: bool = False) -> bytes:
        headers = {"authorization": f"Bearer {self._token}"} if own else {}
        request = urllib.request.Request(  # noqa: S310 - the universe's own address
            f"{self._url}{path}", headers=headers
        )
        try:
            with self._opener.open(request, timeout=ANSWER_SECONDS_MAX) as answer:
                content: bytes = answer.read(ANSWER_BYTES_MAX + 1)
                if len(content) > ANSWER_BYTES_MAX:
                    raise NotCollected(f"{path} has more than {ANSWER_BYTES_MAX} bytes.")
                return content
        except urllib.error.HTTPError as problem:
            raise NotCollected(f"{path} is answered with {_message(problem)}") from problem
        except OSError as problem:
            raise NotCollected(f"{self._url} gives no answer.") from problem


@dataclass(slots=True)
class _Spool:
    """Openings as they come, kept in a file."""

    file: BinaryIO
    last: int = -1

    def put(self, line: Line) -> None:
        if line.index <= self.last:
            raise NotCollected(f"The universe hands out entry {line.index} twice, or late.")
        self.last = line.index
        self.file.write(encode(line) + b"\n")


def collect(log: Log, wanted: Wanted, folder: Path) -> Collected:
    """Collect all there is of a parent; raises `NotCollected`, `Malformed` or `OSError`.

    The pages end where the log ended when the last was asked for. What states a page is entered
    after it: it is on a later page, and that of the last comes with it.
    """
    policy = wanted.policy or log.policy()
    earlier = _signed(wanted.earlier, policy)
    with Path(folder, "openings").open("w+b") as file:
        spool = _Spool(file)
        statements = _pages(log, wanted, spool)
        spool.put(statements[-1])
    parent, to = _stated(statements[-1])
    indices = tuple(line.index for line in statements)
    manifest = Manifest(FORMAT, parent, wanted.start, to, indices)
    highest = max([indices[-1], *(one.index for one in wanted.receipts)])
    checkpoint = log.checkpoint(max([highest + 1, *map(size_of, wanted.earlier)]))
    lines = _read(Path(folder, "openings"))
    return Collected(manifest, policy, checkpoint, lines, wanted.receipts, earlier)


def _signed(notes: Iterable[Note], policy: bytes) -> tuple[Note, ...]:
    """Return checkpoints with the log's signatures alone, one of each size; raises `Refuted`."""
    keys = [log.key for log in parse_policy(policy).logs]
    opened: dict[int, Note] = {}
    for note in notes:
        was = parse_checkpoint(note.text)
        was.check_origin(key.name for key in keys)
        opened[was.size] = Note(note.text, tuple(it.signature for it in note.opened(keys)))
    return tuple(opened.values())


def _pages(log: Log, wanted: Wanted, spool: _Spool) -> list[Line]:
    """Collect all pages, and return the entries of the log that state them."""
    statements: list[Line] = []
    token = ""
    while True:
        page = log.page(wanted.parent, wanted.start, token)
        for line in page.lines:
            spool.put(line)
        statements.append(page.statement)
        token = page.token
        if not token:
            return statements


def _stated(line: Line) -> tuple[str, int]:
    """Return of whom a statement speaks, and up to where."""
    with contextlib.suppress(*NOT_JSON, KeyError, ValueError):
        leaf = decode(line.leaf)
        if leaf.method in LISTS:
            return leaf.container, int(leaf.facts["to"])
    raise NotCollected(f"Entry {line.index} states nothing of what is handed out.")


def _line(document: dict[str, str]) -> Line:
    salt = base64.b64decode(document["salt"], validate=True)
    return Line(int(document["index"]), salt, document["leaf"])


def _read(path: Path) -> Iterator[Line]:
    with path.open("rb") as file:
        for content in iter(lambda: file.readline(LINE_BYTES_MAX), b""):
            yield parse_line(content.removesuffix(b"\n"), path.name)


def _message(problem: urllib.error.HTTPError) -> str:
    try:
        return f"{problem.code}: {json.loads(problem.read(1 << 20))['error']['message']}"
    except (OSError, ValueError, KeyError, TypeError):
        return str(problem.code)
