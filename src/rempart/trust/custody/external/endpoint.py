"""Managers that the universe may reach: where they are, whom to trust there, and how hard to try.

Each manager has its own connections and its own bound on calls in progress, so that one that hangs
holds up nobody else. A call ends within a deadline, whatever the manager does.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import OrderedDict, deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from rempart.core.errors import CloudError
from rempart.trust.custody.external.connection import (
    Answer,
    Closed,
    Connection,
    NotHTTP,
    WrongCertificate,
)
from rempart.trust.custody.external.faults import Fault, failure

CALL_SECONDS_MAX = 5.0
CONNECT_SECONDS_MAX = 2.0
CALLS_PER_MANAGER_MAX = 64
WAITING_PER_MANAGER_MAX = 512
IDLE_PER_MANAGER_MAX = 16
"""Connections that are kept open between requests."""

MANAGERS_MAX = 1024
"""Managers whose connections are kept; the one that was asked longest ago gives way."""

RESOLVERS = 4
"""Threads that ask for addresses, apart from those of everybody else."""

HTTPS_PORT = 443
BY_NAME = "resolve"
"""In the operator's table, in place of an address: this machine's resolver is asked."""


@dataclass(frozen=True, slots=True)
class Place:
    """A manager as TLS and HTTP know it; with `pins` (DER) no other certificate is trusted."""

    host: str
    port: int = HTTPS_PORT
    pins: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def authority(self) -> str:
        """Return the host, with its port where that is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == HTTPS_PORT else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Return `https://host`, the audience of the universe's tokens."""
        return f"https://{self.authority}"


class Endpoints:
    """The managers that the operator allows, found by host, with connections to those in use.

    `allowed` maps `host`, or `host:port` where that is not 443, to `address:port`, or to `resolve`.
    What is not in it is not reached: a key's URI, which customers choose, would otherwise lead
    anywhere. `authorities` and `client` are files (PEM): whom to trust besides this machine's
    authorities where nothing is pinned, and a certificate with its key for managers that ask.
    """

    def __init__(
        self, allowed: Mapping[str, str], *, authorities: str = "", client: str = ""
    ) -> None:
        self._allowed = allowed
        self._authorities = authorities
        self._client = client
        self._open: OrderedDict[Place, _Pool] = OrderedDict()
        self._resolvers = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="key-manager-names")

    async def exchange(self, place: Place, request: bytes, *, repeatable: bool) -> Answer:
        """Return a manager's answer within `CALL_SECONDS_MAX`, or raise the fault."""
        pool = self._pool(place)
        if pool.waiting >= WAITING_PER_MANAGER_MAX:
            raise failure(
                Fault.OVERLOADED_EKM, "Too many requests wait for the manager.", place.origin
            )
        pool.waiting += 1
        try:
            async with asyncio.timeout(CALL_SECONDS_MAX):
                async with pool.turns:
                    return await pool.exchange(request, repeatable=repeatable)
        except TimeoutError as problem:
            message = f"The external key manager did not answer in time ({CALL_SECONDS_MAX:g} s)."
            raise failure(Fault.TIMEOUT, message, place.origin) from problem
        except (OSError, NotHTTP, Closed, WrongCertificate) as problem:
            raise _told(problem, place) from problem
        finally:
            pool.waiting -= 1

    def close(self) -> None:
        """End all connections."""
        for pool in self._open.values():
            pool.close()
        self._open.clear()
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    def _pool(self, place: Place) -> _Pool:
        pool = self._open.get(place)
        if pool is None:
            target = self._allowed.get(place.authority)
            if target is None:
                message = (
                    f"This universe's operator has not allowed {place.authority} as an external key"
                    " manager (key_managers in rempart.toml)."
                )
                raise failure(Fault.EXTERNAL_KEY_HOST_NOT_WHITELISTED, message, place.origin)
            try:
                tls = _tls(place, self._authorities, self._client)
            except OSError as problem:
                raise _told(problem, place) from problem
            pool = self._open[place] = _Pool(place, target, tls, self._resolvers)
            if len(self._open) > MANAGERS_MAX:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(place)
        return pool


class _Pool:
    """The connections to one manager."""

    def __init__(
        self, place: Place, target: str, tls: ssl.SSLContext, resolvers: ThreadPoolExecutor
    ) -> None:
        self._place = place
        self._target = target
        self._tls = tls
        self._resolvers = resolvers
        self._idle: deque[Connection] = deque()
        self.turns = asyncio.Semaphore(CALLS_PER_MANAGER_MAX)
        self.waiting = 0

    async def exchange(self, request: bytes, *, repeatable: bool) -> Answer:
        """Ask on a connection that is idle, or on a new one.

        A peer may have ended an idle connection just now: then the request was not read, or its
        answer was lost, and only what may be repeated is asked again, once.
        """
        kept = self._take() if repeatable else None
        if kept is not None:
            with contextlib.suppress(Closed, ssl.SSLError):
                return await self._ask(kept, request)
        return await self._ask(await self._connect(), request)

    async def _ask(self, connection: Connection, request: bytes) -> Answer:
        try:
            answer = await connection.exchange(request)
        finally:
            if connection.reusable and len(self._idle) < IDLE_PER_MANAGER_MAX:
                self._idle.append(connection)
            else:
                connection.close()
        return answer

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.alive:
                return connection
            connection.close()
        return None

    async def _connect(self) -> Connection:
        place = self._place
        async with asyncio.timeout(CONNECT_SECONDS_MAX):
            address = await self._address()
            return await Connection.open(address, tls=self._tls, name=place.host, pins=place.pins)

    async def _address(self) -> tuple[str, int]:
        if self._target != BY_NAME:
            host, _, port = self._target.rpartition(":")
            return host.strip("[]"), int(port)
        found = await asyncio.get_running_loop().run_in_executor(
            self._resolvers, _resolve, self._place.host, self._place.port
        )
        return found, self._place.port

    def close(self) -> None:
        """End the connections that are idle; those in use end with their call."""
        while self._idle:
            self._idle.pop().close()


def _resolve(host: str, port: int) -> str:
    return str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])


def _tls(place: Place, authorities: str, client: str) -> ssl.SSLContext:
    """Return whom to trust: the pinned certificates alone, or this machine's authorities."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if client:
        context.load_cert_chain(client)
    if place.pins:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=b"".join(place.pins))
        return context
    context.load_default_certs()
    if authorities:
        context.load_verify_locations(cafile=authorities)
    return context


_CAUSES: tuple[tuple[type[Exception], Fault, str], ...] = (
    (
        ssl.SSLCertVerificationError,
        Fault.TLS_CERT,
        "The certificate of {host} is neither pinned nor of a known authority",
    ),
    (WrongCertificate, Fault.TLS_CERT, "{host} shows a certificate that the connection lacks"),
    (ssl.SSLError, Fault.TLS_CERT, "{host} does not agree on TLS with this universe"),
    (socket.gaierror, Fault.DNS, "{host} has no address"),
    (Closed, Fault.UNEXPECTED_RESPONSE, "{host} closed the connection without an answer"),
    (NotHTTP, Fault.UNEXPECTED_RESPONSE, "{host} gave no answer that can be read"),
    (
        ConnectionRefusedError,
        Fault.UNREACHABLE_NETWORK,
        "{host} cannot be reached: the connection is refused",
    ),
    (OSError, Fault.UNREACHABLE_NETWORK, "{host} cannot be reached"),
)
"""The first that fits says what the caller is told of a failed exchange."""


def _told(problem: Exception, place: Place) -> CloudError:
    fault, message = next(
        (fault, message) for type_, fault, message in _CAUSES if isinstance(problem, type_)
    )
    why = str(problem) if isinstance(problem, NotHTTP) else ""
    if isinstance(problem, ssl.SSLCertVerificationError):
        why = problem.verify_message
    ending = f": {why}." if why else "."
    return failure(fault, message.format(host=place.authority) + ending, place.origin)
