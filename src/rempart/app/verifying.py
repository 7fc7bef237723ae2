"""Checks a universe's log without a server: its chain, its entries, what they vouch for."""

from __future__ import annotations

from pathlib import Path

from rempart.app.assembly import Parts, assemble
from rempart.app.engine import open_alone
from rempart.config import Config
from rempart.core.clock import World
from rempart.core.errors import CloudError
from rempart.cosigners.quorum import BadPolicy, Quorum, read_quorum
from rempart.engine.seam import Engine, EngineError
from rempart.services.kms.audit import Ledger as KeyLedger
from rempart.services.storage.audit import Ledger
from rempart.trust.custody.keyring import Keyring
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.witness.standing import Statement, check_statements, check_tree, statement
from rempart.trust.witness.verify import Broken, Walk, walk
from rempart.universe import Check, VerifyReport


async def verify(data: Path, config: Config, keyring: Keyring) -> VerifyReport:
    """Check the universe in this data directory; a store that does not open is a finding too."""
    try:
        engine = await open_alone(data, config, keyring)
    except EngineError as problem:
        return VerifyReport((Check("store", ok=False, detail=str(problem)),))
    try:
        parts = assemble(engine, keyring, config, World())
        return VerifyReport(await checks(engine, parts, read_quorum(data, parts.log_key)))
    except BadPolicy as problem:
        return VerifyReport((Check("log-policy", ok=False, detail=str(problem)),))
    finally:
        await engine.close()


async def checks(engine: Engine, parts: Parts, quorum: Quorum | None = None) -> tuple[Check, ...]:
    """Walk the log, and compare with it the tree, every object and every key of an open engine.

    `quorum` is what the published checkpoint is to have.
    """
    seen, objects, keys, sealed = Walk(), Ledger(), KeyLedger(), parts.sealed
    statements: list[Statement] = []
    try:
        async for leaf in walk(engine, sealed, seen):
            objects.note(leaf)
            keys.note(leaf)
            if (stated := statement(seen.entries - 1, leaf)) is not None:
                statements.append(stated)
    except Broken as problem:
        return (Check("log", ok=False, detail=str(problem)),)
    return (
        *await _walked(seen, objects, keys, sealed),
        await _tree(engine, parts, quorum),
        await _statements(sealed, statements),
    )


async def _tree(engine: Engine, parts: Parts, quorum: Quorum | None) -> Check:
    try:
        size = await check_tree(engine, parts.sealed, parts.log_key, quorum)
    except Broken as problem:
        return Check("tree", ok=False, detail=str(problem))
    return Check("tree", ok=True, detail=f"{size} entries under the published checkpoint")


async def _statements(sealed: SealedEngine, statements: list[Statement]) -> Check:
    try:
        count = await check_statements(sealed, statements)
    except Broken as problem:
        return Check("statements", ok=False, detail=str(problem))
    return Check("statements", ok=True, detail=f"{count} statements of openings, each true")


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
