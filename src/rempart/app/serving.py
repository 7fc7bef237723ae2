"""Runs a universe: opens the doors, waits for its keys, serves until the order to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rempart import __version__, memory
from rempart.app.application import open_application, sealed_application
from rempart.app.assembly import Parts, assemble
from rempart.app.engine import open_engine
from rempart.app.founding import index_administrator
from rempart.app.operator_files import OperatorFiles
from rempart.app.outside import elsewhere
from rempart.config import EMBEDDED, Address, Config
from rempart.core.clock import World
from rempart.cosigners.quorum import BadPolicy
from rempart.cosigners.renewal import Renewal
from rempart.edge.doors import Doors
from rempart.edge.tls import TLSDoor
from rempart.edge.unsealing import Unsealing
from rempart.engine.seam import Engine, EngineError
from rempart.runner.sweeper import Sweeper
from rempart.runner.tenure import Taken, Tenure
from rempart.services.accessapproval.work import EndedApprovals
from rempart.services.auth.sweep import EndedSessions
from rempart.services.foreignrequests.work import DueOrders
from rempart.services.iam.work import LostAccounts
from rempart.services.kms.work import DueKeys
from rempart.services.logging.work import Housekeeping
from rempart.services.resourcemanager.work import Purge
from rempart.services.storage.sweep import Sweep
from rempart.trust.custody.keyring import Keyring
from rempart.trust.custody.sealing import files
from rempart.trust.identity.revocations import ExpiredRevocations
from rempart.trust.policy import registry
from rempart.trust.witness.pruner import Pruner
from rempart.trust.witness.sequencer import Diverged
from rempart.universe import Listener, Ready

ENDED_APPROVALS_EVERY_SECONDS = 2.0
DUE_ORDERS_EVERY_SECONDS = 2.0
SWEEP_EVERY_SECONDS = 3600.0
DUE_KEYS_EVERY_SECONDS = 30.0
LOST_ACCOUNTS_EVERY_SECONDS = 3600.0
USES_EVERY_SECONDS = 60.0
FILES_EVERY_SECONDS = 1.0
COUNTS_EVERY_SECONDS = 1.0
DIVERGED = (
    "Somebody altered the store, or put an older one in its place. Nothing is served from it:"
    " run `rempart verify`, keep the disk as it is, and tell the witnesses and the customers."
)
AUDIT_LOGS_EVERY_SECONDS = 5.0
LOGS_EVERY_SECONDS = 60.0
EXPORTS_EVERY_SECONDS = 5.0


async def serve(data: Path, config: Config, listener: Listener) -> None:
    """Run the universe until SIGTERM or SIGINT, or until durability is lost."""
    memory.keep_out_of_dumps()
    stop = _stop_order()
    listen, http = config.listen, config.http
    doors = Doors(
        data,
        domain=config.domain,
        listen=(listen.host, listen.port),
        http=(http.host, http.port),
    )
    run = _Run(data, config, doors, stop, listener)
    try:
        keyring = await _keyring(run)
        if keyring is not None:
            await _serve_open(run, keyring)
    finally:
        await doors.close()


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a server: what each phase of it needs."""

    data: Path
    config: Config
    doors: Doors
    stop: asyncio.Event
    listener: Listener


def _stop_order() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _keyring(run: _Run) -> Keyring | None:
    """Return the universe's keys; where they are sealed, once they are not; None to stop."""
    data, doors = run.data, run.doors
    files.settle(data, World().random)
    sealed = files.find(data)
    if sealed is None:
        return files.clear_keyring(data)
    unsealing = Unsealing(data, sealed, elsewhere(data, run.config), World().random)
    root = asyncio.ensure_future(unsealing.root())
    try:
        where = await doors.open(sealed_application(unsealing, run.config))
        run.listener.sealed(_ready(where), unsealing.state())
        await _until(run.stop, doors.tls, root)
        return Keyring(root.result()) if root.done() else None
    finally:
        root.cancel()
        await asyncio.wait({root})


async def _serve_open(run: _Run, keyring: Keyring) -> None:
    loop = asyncio.get_running_loop()
    reasons: list[str] = []

    def fenced(reason: str) -> None:
        reasons.append(reason)
        loop.call_soon_threadsafe(run.stop.set)

    engine = await _engine(run, keyring, fenced)
    tenure = Tenure(engine.leases, _holder(run.data), fenced)
    try:
        parts = assemble(engine, keyring, run.config, World(), run.data)
        if run.config.engine != EMBEDDED:
            parts.sealed.fence = await tenure.begin()
        await index_administrator(parts.sealed, run.config, parts.world)
        await registry.fill(parts.sealed)
        await _answer(run, engine, parts)
    except (Taken, BadPolicy) as problem:
        raise SystemExit(str(problem)) from None
    finally:
        await tenure.end()
        await engine.close()
    if reasons:
        raise SystemExit(f"The universe stopped: {reasons[0]}")


async def _engine(run: _Run, keyring: Keyring, fenced: Callable[[str], None]) -> Engine:
    try:
        return await open_engine(run.data, run.config, keyring, fenced)
    except EngineError as problem:
        raise SystemExit(f"The store does not open: {problem}.") from problem


def _holder(data: Path) -> str:
    """Return the name of this data directory among all that could use the same database."""
    return f"{socket.gethostname()}:{data.resolve()}"


async def _answer(run: _Run, engine: Engine, parts: Parts) -> None:
    """Answer requests and do the housework until the order to stop."""
    application = open_application(parts, run.config)
    files = OperatorFiles(run.data, parts.recorder, Renewal(run.data, parts.notary))
    housework = (
        *_housework(engine, parts, run.config),
        Sweeper(files, every_seconds=FILES_EVERY_SECONDS),
    )
    await _resume(parts, files)
    memory.settle()
    where = await run.doors.open(application)
    sequencing = asyncio.create_task(parts.sequencer.run(), name="sequencer")
    try:
        for one in housework:
            one.start()
        run.listener.ready(_ready(where))
        if parts.token is not None:
            await parts.token.look()
        await _until(run.stop, run.doors.tls, sequencing)
    finally:
        for one in housework:
            await one.stop()
        await run.doors.close()
        await _settle(parts, sequencing)
        parts.managers.close()
        parts.issuers.close()
        if parts.token is not None:
            await parts.token.close()


async def _resume(parts: Parts, files: OperatorFiles) -> None:
    """Refuse to start on a store whose log is not what was signed for; record the start."""
    try:
        await parts.sequencer.resume()
    except Diverged as problem:
        raise SystemExit(f"{problem} {DIVERGED}") from None
    await files.begin("rempart.universe.start", {"version": __version__})


async def _settle(parts: Parts, sequencing: asyncio.Task[None]) -> None:
    """Let the last entries be under a checkpoint, as far as that can be now."""
    sequencing.cancel()
    await asyncio.wait({sequencing})
    if not sequencing.cancelled() and isinstance(problem := sequencing.exception(), Diverged):
        raise SystemExit(f"{problem} {DIVERGED}")
    with contextlib.suppress(EngineError, Diverged):
        await parts.recorder.event("rempart.universe.stop", {})
        while await parts.sequencer.step():
            pass
        await parts.sequencer.release()


def _housework(engine: Engine, parts: Parts, config: Config) -> tuple[Sweeper, ...]:
    sweep = Sweep(parts.sealed, engine.blobs, parts.bodies, parts.world)
    due_keys = DueKeys(parts.sealed, parts.kms)
    lost_accounts = LostAccounts(parts.sealed, parts.world)
    pruner = Pruner(parts.sealed, parts.log, parts.world.clock, days=config.log_retention_days)
    pruning = (Sweeper(pruner, every_seconds=SWEEP_EVERY_SECONDS),)
    return (
        *(pruning if config.log_retention_days else ()),
        Sweeper(sweep, every_seconds=SWEEP_EVERY_SECONDS),
        Sweeper(due_keys, every_seconds=DUE_KEYS_EVERY_SECONDS),
        Sweeper(lost_accounts, every_seconds=LOST_ACCOUNTS_EVERY_SECONDS),
        Sweeper(parts.recorder, every_seconds=COUNTS_EVERY_SECONDS),
        Sweeper(parts.uses, every_seconds=USES_EVERY_SECONDS),
        Sweeper(Purge(parts.sealed, parts.manager), every_seconds=SWEEP_EVERY_SECONDS),
        Sweeper(ExpiredRevocations(parts.sealed, parts.world), every_seconds=SWEEP_EVERY_SECONDS),
        Sweeper(
            EndedApprovals(parts.sealed, parts.support, parts.world),
            every_seconds=ENDED_APPROVALS_EVERY_SECONDS,
        ),
        Sweeper(DueOrders(parts.sealed, parts.world), every_seconds=DUE_ORDERS_EVERY_SECONDS),
        Sweeper(parts.logs.projection, every_seconds=AUDIT_LOGS_EVERY_SECONDS),
        Sweeper(parts.exports, every_seconds=EXPORTS_EVERY_SECONDS),
        Sweeper(Housekeeping(parts.sealed, parts.world), every_seconds=LOGS_EVERY_SECONDS),
        Sweeper(EndedSessions(parts.sealed, parts.world), every_seconds=SWEEP_EVERY_SECONDS),
    )


def _ready(where: tuple[tuple[str, int], tuple[str, int]]) -> Ready:
    listen, http = where
    return Ready(Address(*listen), Address(*http))


async def _until(stop: asyncio.Event, tls: TLSDoor, *events: asyncio.Future[Any]) -> None:
    """Wait for the order to stop, or one of the events; a TLS door must not end by itself."""
    stopped: asyncio.Future[bool] = asyncio.ensure_future(stop.wait())
    gone: asyncio.Future[int] = asyncio.ensure_future(tls.wait_exit())
    awaited: set[asyncio.Future[Any]] = {stopped, gone, *events}
    await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
    died = gone.done() and not stopped.done()
    for task in (stopped, gone):
        task.cancel()
    if died:
        raise SystemExit("The TLS door ended by itself; see run/envoy.log in the data directory.")
