"""How people ask a universe from anywhere: over TLS, by the environment that `rempart env` sets."""

from __future__ import annotations

import json
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

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
    ) -> dict[str, Any]:
        """Return the answer's document, or end with the refusal's words."""
        request = urllib.request.Request(  # noqa: S310 - the universe's own address
            f"{self.url.rstrip('/')}/{urllib.parse.quote(path, safe='/:@_-.~')}",
            method=verb,
            data=json.dumps(document or {}).encode() if verb in {"POST", "PATCH"} else None,
            headers={
                "authorization": f"Bearer {signed(self.key)}",
                "content-type": "application/json",
                **(headers or {}),
            },
        )
        trust = ssl.create_default_context(cafile=os.environ.get("REQUESTS_CA_BUNDLE"))
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
        )
        try:
            with opener.open(request, timeout=ANSWER_SECONDS_MAX) as answer:
                found: dict[str, Any] = json.loads(answer.read(ANSWER_BYTES_MAX) or b"{}")
        except urllib.error.HTTPError as problem:
            options.refuse(_message(problem))
        except (OSError, ValueError):
            options.refuse(f"The universe at {self.url} gives no answer.")
        return found


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
