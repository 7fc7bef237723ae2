"""The logs that a witness knows: `logs.policy`, lines `log VKEY [URL]` of C2SP tlog-policy."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from rempart import durable
from rempart.tlog.errors import Malformed
from rempart.tlog.keys import VerifierKey, parse_verifier_key
from rempart.tlog.policy import LOG_ALGORITHMS, NONE, Log, Policy, parse_policy

FILE_NAME = "logs.policy"
LOGS_MAX = 900


class LogsProblem(Exception):  # noqa: N818 - it is named for what it is
    """The list of logs cannot be used, or not changed so; the message says why."""


@dataclass(frozen=True, slots=True)
class Logs:
    """The known logs. An origin may have several keys: any one of them signs for it."""

    logs: tuple[Log, ...] = ()

    @property
    def origins(self) -> tuple[str, ...]:
        """Return the origin of each log."""
        return tuple(dict.fromkeys(log.key.name for log in self.logs))

    def keys(self, origin: str) -> tuple[VerifierKey, ...]:
        """Return the keys that may sign for an origin."""
        return tuple(log.key for log in self.logs if log.key.name == origin)


def create(data: Path) -> None:
    """Write the list of a witness that knows no log yet, durably."""
    _write(data, ())


def load(data: Path) -> Logs:
    """Return the known logs; raises `LogsProblem`."""
    path = data / FILE_NAME
    try:
        return Logs(parse_policy(path.read_bytes()).logs)
    except (Malformed, OSError) as problem:
        raise LogsProblem(f"{path}: {problem}") from None


class LogsFile:
    """The list as it stands on disk: read again when the file is another than before."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._seen: tuple[int, int, int] | None = None
        self._logs = Logs()

    def read(self) -> Logs:
        """Return the known logs; raises `LogsProblem`."""
        try:
            now = os.stat(self._data / FILE_NAME)  # noqa: PTH116 - on every request; a Path costs more
        except OSError as problem:
            raise LogsProblem(f"{FILE_NAME}: {problem.strerror}.") from None
        seen = (now.st_mtime_ns, now.st_ino, now.st_size)
        if seen != self._seen:
            self._logs, self._seen = load(self._data), seen
        return self._logs


def add(data: Path, text: str) -> Log:
    """Know one more log, durably, by its verifier key; raises `LogsProblem`."""
    known = load(data).logs
    try:
        log = Log(parse_verifier_key(text))
    except Malformed as problem:
        raise LogsProblem(str(problem)) from None
    if log.key.algorithm not in LOG_ALGORITHMS:
        raise LogsProblem("The key is a witness's, not a log's.")
    if len(known) >= LOGS_MAX:
        raise LogsProblem(f"A witness knows at most {LOGS_MAX} logs.")
    if any(log.key.public == it.key.public for it in known):
        raise LogsProblem(f"The public key of {log.key.name} is known already.")
    _write(data, (*known, log))
    return log


def remove(data: Path, text: str) -> None:
    """Forget the key of a log, durably; what was cosigned for it stays on record."""
    known = load(data).logs
    left = tuple(it for it in known if it.key.text != text)
    if left == known:
        raise LogsProblem("The key is not among those known.")
    _write(data, left)


def _write(data: Path, logs: tuple[Log, ...]) -> None:
    durable.replace(data / FILE_NAME, Policy(logs, (), (), NONE).encode())
