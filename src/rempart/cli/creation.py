"""The first start: a data directory that is either whole or absent, whatever interrupts it.

Everything is made in `DIR/first-start` and moved up when it is complete, `rempart.toml` last: its
presence says that the universe exists. An interrupted creation is begun again, an interrupted move
is finished.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from rempart import config, durable, memory
from rempart.cli import instance
from rempart.cli.seals import Seal
from rempart.config import Config
from rempart.core.clock import system_clock, system_random
from rempart.trust.custody import pki
from rempart.trust.custody.keyring import KEY_BYTES, Keyring
from rempart.trust.custody.sealing.document import SealProblem
from rempart.universe import Operations

STAGE_NAME = "first-start"


class CreationProblem(Exception):  # noqa: N818 - it is named for what it is
    """A directory in which no universe can be created; the message says what to do."""


@contextlib.contextmanager
def prepared(data: Path) -> Iterator[None]:
    """Hold the data directory, made if it is absent; leave none behind where nothing came of it."""
    absent = [place for place in (data, *data.parents) if not place.exists()]
    _prepare(data)
    with instance.hold(data):
        try:
            yield
        finally:
            if absent and [entry.name for entry in data.iterdir()] == [durable.LOCK_NAME]:
                (data / durable.LOCK_NAME).unlink()
                _remove(absent)


def _remove(directories: list[Path]) -> None:
    with contextlib.suppress(OSError):  # somebody has put something into one meanwhile
        for place in directories:
            place.rmdir()


def _prepare(data: Path) -> None:
    """Make the data directory if it is absent, readable by its owner alone."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        raise CreationProblem(f"{data} cannot be created: {problem.strerror}.") from problem
    if config.exists(data) or (data / STAGE_NAME).is_dir():
        return
    foreign = sorted(entry.name for entry in data.iterdir() if entry.name != durable.LOCK_NAME)
    if foreign:
        raise CreationProblem(
            f"{data} holds {foreign[0]!r} but no universe. Give an empty or new directory: --data"
        )
    data.chmod(0o700)


def create(data: Path, settings: Config, operations: Operations, seal: Seal) -> None:
    """Create the universe; on return it is whole and durable. The caller holds the directory."""
    stage = data / STAGE_NAME
    if not config.exists(stage):
        if stage.exists():
            shutil.rmtree(stage)
        stage.mkdir(mode=0o700)
        pki.ensure(stage, settings.domain, settings.regions, system_clock())
        _fill(stage, settings, operations, seal)
    _move_up(data, stage)


def _fill(stage: Path, settings: Config, operations: Operations, seal: Seal) -> None:
    memory.keep_out_of_dumps()
    root = system_random(KEY_BYTES)
    asyncio.run(operations.first_start(stage, settings, Keyring(root)))
    try:
        seal.hand_out(root)(stage)
    except SealProblem:
        shutil.rmtree(stage)  # nobody can open it
        raise
    _write_settings(stage, settings)


def unfinished(data: Path) -> bool:
    """Return whether a whole universe waits in the stage to be moved up."""
    return not config.exists(data) and config.exists(data / STAGE_NAME)


def _write_settings(stage: Path, settings: Config) -> None:
    with (stage / config.FILE_NAME).open("w", encoding="utf-8") as file:
        file.write(config.toml(settings))
        file.flush()
        os.fsync(file.fileno())
    durable.sync_directory(stage)


def _move_up(data: Path, stage: Path) -> None:
    entries = [entry for entry in stage.iterdir() if entry.name != config.FILE_NAME]
    for entry in entries:
        entry.rename(data / entry.name)
    durable.sync_directory(data)
    (stage / config.FILE_NAME).rename(data / config.FILE_NAME)
    stage.rmdir()
    durable.sync_directory(data)
