"""A token in its slot: sessions for threads, a login, and the way back after it was gone.

The module is told that threads share it (CKF_OS_LOCKING_OK). A session is used by one thread at a
time and not again after anything went wrong in it. When the token or the module fails, the next use
begins from nothing, C_Finalize first, once every thread has left; tries are a second apart, and
between them uses are refused at once. A refused PIN is never tried twice: tokens lock themselves.
"""

from __future__ import annotations

import logging
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import byref
from dataclasses import dataclass
from pathlib import Path
from threading import Condition

from rempart.core.errors import CloudError, unavailable
from rempart.trust.custody.pkcs11.abi import (
    OS_LOCKING_OK,
    RW_SESSION,
    SERIAL_SESSION,
    USER,
    Answer,
    InitializeArguments,
    Module,
    Refused,
    TokenInfo,
)
from rempart.trust.custody.pkcs11.session import Session, open_session, slots

RECONNECT_SECONDS = 1.0
LEAVE_SECONDS = 4.0
"""How long a new beginning waits for the threads that are still inside."""

_PIN_REFUSED = {
    Answer.PIN_INCORRECT,
    Answer.PIN_INVALID,
    Answer.PIN_LEN_RANGE,
    Answer.PIN_EXPIRED,
    Answer.PIN_LOCKED,
}
_ABILITY = {
    Answer.ARGUMENTS_BAD,
    Answer.ATTRIBUTE_VALUE_INVALID,
    Answer.FUNCTION_NOT_SUPPORTED,
    Answer.KEY_SIZE_RANGE,
    Answer.MECHANISM_INVALID,
    Answer.MECHANISM_PARAM_INVALID,
    Answer.TEMPLATE_INCONSISTENT,
    Answer.CURVE_NOT_SUPPORTED,
}
"""Answers of a token that works, and does not have what it was asked for."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Which module, which token in it, and the file that holds the user's PIN."""

    module: Path
    label: str
    pin_file: Path


class Incapable(Exception):  # noqa: N818 - it is named for what the token is
    """The token does not have an operation, or not with these parameters."""


@dataclass(slots=True)
class _Connection:
    """One stretch of time in which handles mean the same."""

    slot: int
    anchor: Session
    free: list[Session]
    handles: dict[bytes, int]
    broken: bool = False


class Visit:
    """A thread's stay with the token: a session, and the handles known so far, by key id."""

    __slots__ = ("_connection", "session")

    def __init__(self, connection: _Connection, session: Session) -> None:
        self._connection = connection
        self.session = session

    @property
    def handles(self) -> dict[bytes, int]:
        """Return the handles of keys, which hold until the token was gone."""
        return self._connection.handles

    def lost(self) -> None:
        """Say that the token is not what it was: everything is opened anew after this visit."""
        self._connection.broken = True


class Token:
    """The token; safe to share between threads. Every wait in here is bounded but for the module's.

    Raises `CloudError` of code UNAVAILABLE while there is no token, or it fails.
    """

    def __init__(self, settings: TokenSettings) -> None:
        self.settings = settings
        self._guard = Condition()
        self._inside = 0
        self._module: Module | None = None
        self._connection: _Connection | None = None
        self._failed_at = float("-inf")
        self._given_up = ""

    @contextmanager
    def visit(self) -> Iterator[Visit]:
        """Lend a session for a few calls."""
        connection = self._enter()
        try:
            with _translated(connection):
                session = self._session(connection)
                whole = False
                try:
                    yield Visit(connection, session)
                    whole = True
                finally:
                    if whole:
                        connection.free.append(session)
                    else:
                        session.close()
        finally:
            with self._guard:
                self._inside -= 1
                self._guard.notify_all()

    def close(self) -> None:
        """Let go of the module; a later visit opens it again."""
        with self._guard:
            self._guard.wait_for(lambda: not self._inside, LEAVE_SECONDS)
            self._forget()

    def _enter(self) -> _Connection:
        with self._guard:
            connection = self._connection
            if connection is None or connection.broken:
                connection = self._begin_anew()
            self._inside += 1
            return connection

    def _begin_anew(self) -> _Connection:
        self._require_patience()
        if not self._guard.wait_for(lambda: not self._inside, LEAVE_SECONDS):
            raise unavailable("The token does not answer; retry later.")
        if self._connection is not None and not self._connection.broken:
            return self._connection
        self._require_patience()  # another thread may have tried meanwhile
        try:
            self._forget()
            self._connection = self._connect()
        except (Refused, OSError, CloudError) as problem:
            self._failed_at = time.monotonic()
            _log.warning("The token cannot be opened: %s", problem)
            if isinstance(problem, CloudError):
                raise
            raise unavailable("The token cannot be opened; retry later.") from problem
        return self._connection

    def _require_patience(self) -> None:
        """Raise while it is no use, or too soon, to try again."""
        if self._given_up:
            raise unavailable(self._given_up)
        if time.monotonic() - self._failed_at < RECONNECT_SECONDS:
            raise unavailable("The token is not available; retry later.")

    def _forget(self) -> None:
        if self._connection is not None and self._module is not None:
            self._connection = None
            _finalize(self._module)

    def _connect(self) -> _Connection:
        module = self._module = self._module or Module(self.settings.module)
        try:
            module.call("Initialize", byref(InitializeArguments(flags=OS_LOCKING_OK)))
        except Refused as problem:
            if problem.answer != Answer.CRYPTOKI_ALREADY_INITIALIZED:
                raise
        try:
            slot = self._slot(module)
            anchor = open_session(module, slot, SERIAL_SESSION | RW_SESSION)
            self._log_in(anchor)
        except (Refused, CloudError):
            # A module that was initialized without a token may never see one that comes later.
            _finalize(module)
            raise
        return _Connection(slot, anchor, [], {})

    def _slot(self, module: Module) -> int:
        wanted = self.settings.label.encode().ljust(len(TokenInfo().label))
        for slot in slots(module):
            info = TokenInfo()
            module.call("GetTokenInfo", slot, byref(info))
            if bytes(info.label) == wanted:
                return slot
        raise unavailable(f"No token is labelled {self.settings.label!r}; retry later.")

    def _log_in(self, session: Session) -> None:
        pin = read_pin(self.settings.pin_file)
        try:
            session.module.call("Login", session.handle, USER, pin, len(pin))
        except Refused as problem:
            if problem.answer in _PIN_REFUSED:
                self._given_up = f"The token refuses the PIN ({problem}); mend it and restart."
                raise unavailable(self._given_up) from problem
            if problem.answer != Answer.USER_ALREADY_LOGGED_IN:
                raise

    def _session(self, connection: _Connection) -> Session:
        with self._guard:
            if connection.free:
                return connection.free.pop()
        module = connection.anchor.module
        return open_session(module, connection.slot, SERIAL_SESSION | RW_SESSION)


def _finalize(module: Module) -> None:
    try:
        module.call("Finalize", None)
    except Refused as problem:
        _log.warning("The module does not end well: %s", problem)


@contextmanager
def _translated(connection: _Connection) -> Iterator[None]:
    """Raise `Incapable` for what the token lacks; for all else it is out of order."""
    try:
        yield
    except Refused as problem:
        if problem.answer in _ABILITY:
            raise Incapable(str(problem)) from problem
        connection.broken = True
        _log.warning("The token failed: %s", problem)
        raise unavailable("The token failed; retry later.") from problem


def read_pin(path: Path) -> bytes:
    """Return the PIN in a file that only its owner can read."""
    try:
        mode, pin = path.stat().st_mode, path.read_bytes().strip()
    except OSError as problem:
        raise unavailable(f"The PIN file cannot be read: {problem.strerror}.") from None
    if stat.S_IMODE(mode) & 0o077:
        raise unavailable("The PIN file is open to others; run `chmod 600` on it.")
    return pin
