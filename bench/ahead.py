"""The work of Cloud KMS that falls due later, done now: on a universe that is stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rempart import app, config
from rempart.core.clock import Micros, World, system_clock, system_random
from rempart.services.kms.work import DueKeys
from rempart.trust.custody.sealing.files import clear_keyring

DAYS = 31


def destroy_what_falls_due(data: Path) -> int:
    """Do what falls due within some days, with the clock set ahead; return how many days."""
    asyncio.run(_run(data))
    return DAYS


async def _run(data: Path) -> None:
    settings, keyring = config.load(data, config.Flags()), clear_keyring(data)
    engine = await app.open_engine(data, settings, keyring, lambda _reason: None)
    try:
        world = World(_ahead, system_random)
        parts = app.assemble(engine, keyring, settings, world)
        await DueKeys(parts.sealed, parts.kms).run()
    finally:
        await engine.close()


def _ahead() -> Micros:
    return Micros(system_clock() + DAYS * 86_400 * 1_000_000)
