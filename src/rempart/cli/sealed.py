"""Asks a running universe whether it is sealed."""

from __future__ import annotations

import socket
from pathlib import Path

import msgspec

from rempart.trust.custody.sealing.door import (
    LINE_BYTES_MAX,
    UNSEAL_SOCKET,
    SealState,
    UnsealAsk,
)

ANSWER_SECONDS_MAX = 30.0


def ask(data: Path, question: UnsealAsk) -> SealState | None:
    """Return the answer of a sealed universe; None where none is sealed here."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.settimeout(ANSWER_SECONDS_MAX)
            door.connect(str(data / UNSEAL_SOCKET))
            door.sendall(msgspec.json.encode(question) + b"\n")
            with door.makefile("rb") as answer:
                return msgspec.json.decode(answer.readline(LINE_BYTES_MAX), type=SealState)
    except (OSError, msgspec.MsgspecError):
        return None
