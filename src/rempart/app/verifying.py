"""Checks a universe's log without a server: its chain, its entries, what they vouch for."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable
from pathlib import Path

from rempart.app.assembly import Parts, assemble
from rempart.app.engine import open_alone
from rempart.app.log_begun import log_before, to_begin
from rempart.config import Config
from rempart.core.clock import World
from rempart.core.errors import CloudError
from rempart.cosigners.quorum import BadPolicy, Quorum, read_quorum
from rempart.engine.seam import Engine, EngineError, Key, Span
from rempart.services.foreignrequests.audit import Ledger as OrderLedger
from rempart.services.kms.audit import Ledger as KeyLedger
from rempart.services.storage.audit import Ledger
from rempart.tlog.keys import VerifierKey
from rempart.tlog.tree import leaf_hash
from rempart.trust.custody.keyring import Keyring
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.witness.held import check_held, check_receipts
from rempart.trust.witness.leaf import encode
from rempart.trust.witness.prunings import Prunings
from rempart.trust.witness.standing import Statement, check_statements, check_tree, statement
from rempart.trust.witness.verify import Broken, Walk, walk
from rempart.universe import Check, VerifyReport
from rempart.verifier.checks import Asked
from rempart.verifier.cross import METHOD, Cross, crossed
from rempart.verifier.findings import Check as Found
from rempart.verifier.leaf import decode as known

_PAGE = 1000
_NOTHING = Asked()
_NOTHING_OLDER = (
    "There was nothing older to compare with, and an older copy of the whole directory checks as"
    " well: give --checkpoint FILE, or ask a witness."
)


async def verify(data: Path, config: Config, keyring: Keyring, held: Asked) -> VerifyReport:
    """Check the universe in this data directory; a store that does not open is a finding too.

    Receipts and checkpoints that are `held` from before must be of this log.
    """
    try:
        engine = await open_alone(data, config, keyring)
    except EngineError as problem:
        return VerifyReport((Check("store", ok=False, detail=str(problem)),))
    try:
        parts = assemble(engine, keyring, config, World())
        notes = () if held.earlier or held.receipts else (_NOTHING_OLDER,)
        before = await log_before(engine, parts.sealed, keyring, config)
        if before is not None:
            told = to_begin(parts.log_key, before)
            parts = dataclasses.replace(parts, log_key=before)
            return VerifyReport((told, *await checks(engine, parts, None, held)), notes)
        quorum = read_quorum(data, parts.log_key)
        return VerifyReport(await checks(engine, parts, quorum, held), notes)
    except BadPolicy as problem:
        return VerifyReport((Check("log-policy", ok=False, detail=str(problem)),))
    finally:
        await engine.close()


async def checks(
    engine: Engine, parts: Parts, quorum: Quorum | None = None, held: Asked = _NOTHING
) -> tuple[Check, ...]:
    """Walk the log, and compare with it the tree, every object and every key of an open engine.

    `quorum` is what the published checkpoint is to have.
    """
    seen, objects, keys, sealed = Walk(), Ledger(), KeyLedger(), parts.sealed
    orders, cross = OrderLedger(), Cross()
    statements: list[Statement] = []
    prunings = Prunings()
    try:
        async for leaf in walk(engine, sealed, seen, prunings.gap):
            objects.note(leaf)
            keys.note(leaf)
            orders.note(leaf)
            prunings.note(leaf)
            if leaf.method.startswith(METHOD):
                cross.note(seen.entries - 1, leaf_hash(seen.commitment), known(encode(leaf)))
            if (stated := statement(seen.entries - 1, leaf)) is not None:
                statements.append(stated)
    except Broken as problem:
        return (Check("log", ok=False, detail=str(problem)),)
    return (
        *await _walked(seen, objects, keys, sealed),
        await _tree(engine, parts, quorum, seen.entries, held),
        await _statements(sealed, statements),
        await _orders(orders, sealed),
        _pruned(prunings),
        await _records(engine, sealed),
        *await _held(engine, sealed, parts.log_key, held),
        *await _crossed(cross, held),
    )


async def _tree(
    engine: Engine, parts: Parts, quorum: Quorum | None, entries: int, held: Asked
) -> Check:
    try:
        size = await check_tree(engine, parts.sealed, parts.log_key, quorum)
    except Broken as problem:
        return Check("tree", ok=False, detail=str(problem))
    detail = f"{size} entries under the published checkpoint"
    if entries > size:
        detail += f"; {entries - size} under none yet"
        if not held.earlier:
            detail += ": have --checkpoint, or a witness's, checked too"
    return Check("tree", ok=True, detail=detail)


async def _statements(sealed: SealedEngine, statements: list[Statement]) -> Check:
    try:
        count = await check_statements(sealed, statements)
    except Broken as problem:
        return Check("statements", ok=False, detail=str(problem))
    return Check("statements", ok=True, detail=f"{count} statements of openings, each true")


def _pruned(prunings: Prunings) -> Check:
    try:
        count = prunings.check()
    except Broken as problem:
        return Check("pruned", ok=False, detail=str(problem))
    return Check("pruned", ok=True, detail=f"{count} entries, each as the log says")


async def _records(engine: Engine, sealed: SealedEngine) -> Check:
    """Look whether each record opens: one that was altered, or put in another's place, does not."""
    count, span = 0, Span(Key(b"\x01"), Key(b"\xff"))
    while found := await engine.records.scan(span, limit=_PAGE):
        bad = next((one for one in found if not sealed.authentic(one)), None)
        if bad is not None:
            return Check("records", ok=False, detail=f"{bytes(bad.key)!r} does not open.")
        count, span = count + len(found), span.after(found[-1].key)
    return Check("records", ok=True, detail=f"{count} records, each opens")


async def _held(
    engine: Engine, sealed: SealedEngine, key: VerifierKey, held: Asked
) -> tuple[Check, ...]:
    found = []
    if held.receipts:
        given = [(one.index, one.leaf) for one in held.receipts]
        said = "{} receipts, each in the log"
        found.append(await _counted("receipts", check_receipts(engine, given), said))
    if held.earlier:
        continued = check_held(engine, sealed, key, held.earlier)
        found.append(await _counted("earlier", continued, "{} checkpoints are continued"))
    return tuple(found)


async def _counted(name: str, checking: Awaitable[int], said: str) -> Check:
    try:
        return Check(name, ok=True, detail=said.format(await checking))
    except (Broken, CloudError) as problem:
        return Check(name, ok=False, detail=str(problem))


async def _crossed(cross: Cross, held: Asked) -> tuple[Check, ...]:
    """Hold the uses of external keys against the logs of who holds them."""
    if not held.holders:
        return ()
    told = Found("cross")
    await asyncio.to_thread(crossed, cross, held.holders, told)
    said = " ".join(told.problems or [told.shows])
    return (Check("cross", ok=told.ok, detail=said, undecided=tuple(told.open)),)


async def _walked(
    seen: Walk, objects: Ledger, keys: KeyLedger, sealed: SealedEngine
) -> tuple[Check, ...]:
    log = f"{seen.entries} entries, {seen.outcomes} outcomes; head {seen.head.hex()}"
    try:
        of_objects = await _objects(objects, sealed)
    except CloudError as problem:
        return (Check("log", ok=True, detail=log), Check("objects", ok=False, detail=str(problem)))
    return (Check("log", ok=seen.entries > 0, detail=log), of_objects, await _keys(keys, sealed))


async def _objects(ledger: Ledger, sealed: SealedEngine) -> Check:
    total, unknown = await ledger.unvouched(sealed)
    found = f"{total} generations, each with its entry"
    if unknown:
        found = f"{len(unknown)} of {total} generations have no entry, such as {unknown[0]}"
    return Check("objects", ok=not unknown, detail=found)


async def _keys(ledger: KeyLedger, sealed: SealedEngine) -> Check:
    try:
        compared = await ledger.compared(sealed)
    except CloudError as problem:
        return Check("keys", ok=False, detail=str(problem))
    found = f"{compared.total} records of Cloud KMS, each as the log last says"
    if compared.faults:
        found = f"{len(compared.faults)} faults, such as: {compared.faults[0]}"
    return Check("keys", ok=not compared.faults, detail=found)


async def _orders(ledger: OrderLedger, sealed: SealedEngine) -> Check:
    try:
        compared = await ledger.compared(sealed)
    except CloudError as problem:
        return Check("orders", ok=False, detail=str(problem))
    found = f"{compared.total} orders of authorities, each as entered; {compared.told} are told"
    if compared.faults:
        found = f"{len(compared.faults)} faults, such as: {compared.faults[0]}"
    return Check("orders", ok=not compared.faults, detail=found)
