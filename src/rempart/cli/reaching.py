"""How people ask a universe from anywhere: over TLS, by the environment that `rempart env` sets."""

from __future__ import annotations

import json
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from rempart.cli import options
from rempart.cli.token import signed

Decorated = TypeVar("Decorated", bound=Callable[..., object])
ANSWER_SECONDS_MAX = 60.0
ANSWER_BYTES_MAX = 64 * 1024 * 1024
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Universe:
    """Where a universe answers, and as whom it is asked."""

    url: str
    key: Path

    def ask(
        self,
        verb: str,
        path: str,
        document: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the answer's document, or end with the refusal's words."""
        request = urllib.request.Request(  # noqa: S310 - the universe's own address
            self._at(path, query),
            method=verb,
            data=json.dumps(document or {}).encode() if verb in {"POST", "PATCH"} else None,
            headers={
                "authorization": f"Bearer {signed(self.key)}",
                "content-type": "application/json",
                **(headers or {}),
            },
        )
        try:
            found: dict[str, Any] = json.loads(self._answer(request) or b"{}")
        except ValueError:
            self._refuse()
        return found

    def fetch(self, path: str) -> bytes:
        """Return what anybody may read, or end with the refusal's words."""
        return self._answer(urllib.request.Request(self._at(path, None)))  # noqa: S310 - its own

    def _at(self, path: str, query: Mapping[str, str] | None) -> str:
        asked = f"?{urllib.parse.urlencode(query)}" if query else ""
        return f"{self.url.rstrip('/')}/{urllib.parse.quote(path, safe='/:@_-.~')}{asked}"

    def _answer(self, request: urllib.request.Request) -> bytes:
        trust = ssl.create_default_context(cafile=os.environ.get("REQUESTS_CA_BUNDLE"))
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
        )
        try:
            with opener.open(request, timeout=ANSWER_SECONDS_MAX) as answer:
                content: bytes = answer.read(ANSWER_BYTES_MAX)
        except urllib.error.HTTPError as problem:
            options.refuse(_message(problem))
        except OSError:
            self._refuse()
        return content

    def _refuse(self) -> NoReturn:
        options.refuse(f"The universe at {self.url} gives no answer.")


def pages(universe: Universe, path: str, noun: str) -> Iterator[dict[str, Any]]:
    """Iterate over all of a list, page by page."""
    query: dict[str, str] = {}
    while True:
        found = universe.ask("GET", path, query=query)
        yield from found.get(noun, [])
        if not found.get("nextPageToken"):
            return
        query = {"pageToken": str(found["nextPageToken"])}


def universe_options(command: Decorated) -> Decorated:
    """Add the options that say where the universe is and who asks."""
    url = click.option(
        "--url", required=True, envvar="REMPART_URL", help="The universe; `rempart env` sets it."
    )
    key = click.option(
        "--key",
        required=True,
        type=_FILE,
        envvar="GOOGLE_APPLICATION_CREDENTIALS",
        metavar="FILE",
        help="Your service account's key file; `rempart env` sets one.",
    )
    return url(key(command))


def _message(problem: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(problem.read(ANSWER_BYTES_MAX))["error"]["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"The universe answers {problem.code}."
