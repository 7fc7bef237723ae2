"""Asks the universe on this machine for what it says of its log to anybody."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rempart.cli import instance

ANSWER_SECONDS_MAX = 10.0
ANSWER_BYTES_MAX = 1 << 20
PUT_BACK = (
    "A witness has cosigned another log than this one: the store was altered or put back. Stop the"
    " universe at once, keep the disk as it is, and tell the customers. Fetch the witness's latest"
    " checkpoint (docs/log.md), and compare: rempart verify --data DIR --checkpoint FILE."
)


@dataclass(frozen=True, slots=True)
class LogState:
    """What a universe says of its log and its witnesses."""

    document: dict[str, Any]

    @property
    def size(self) -> int:
        """Return how many entries the tree has."""
        return int(self.document["size"])

    @property
    def published(self) -> int:
        """Return how many entries the published checkpoint covers."""
        return int(self.document["publishedSize"])

    @property
    def witnesses(self) -> list[dict[str, Any]]:
        """Return the witnesses, each with what it did last."""
        return list(self.document["witnesses"])

    @property
    def problem(self) -> str:
        """Return what is wrong; empty if nothing.

        A fork first, then what the checkpoint lacks, then a policy that is not in force.
        """
        return str(self.alarm or self.document["lacking"] or self.document.get("policyProblem", ""))

    @property
    def alarm(self) -> str:
        """Return who has seen another log than this one, and what to do; empty if nobody."""
        told = self.document.get("alarm")
        return f"{PUT_BACK} What was said: {told}" if told else ""


def ask(data: Path, name: str) -> bytes | None:
    """Return a file of the log's site; None where no universe answers."""
    found = instance.running(data)
    if found is None:
        return None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{found.http}/.log/{name}", timeout=ANSWER_SECONDS_MAX) as answer:
            content: bytes = answer.read(ANSWER_BYTES_MAX)
            return content
    except (urllib.error.URLError, OSError):
        return None


def state(data: Path) -> LogState | None:
    """Return what the universe says of its log; None where none answers, or it is sealed."""
    content = ask(data, "witnesses")
    return None if content is None else LogState(json.loads(content))
