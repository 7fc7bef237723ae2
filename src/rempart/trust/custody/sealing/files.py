"""The root on the disk: `DIR/root.sealed`, or `DIR/root.key` in the clear, and the step between.

`root.sealed` decides: where it is, a `root.key` beside it is what an interrupted step left, and is
removed. So each step has one moment at which the new way holds and the old one ceases.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from rempart import durable
from rempart.core.clock import Random
from rempart.trust.custody.keyring import (
    KEY_BYTES,
    ROOT_KEY,
    Keyring,
    RootKeyProblem,
    read_key,
)
from rempart.trust.custody.sealing import document
from rempart.trust.custody.sealing.document import SealedRoot, SealProblem

SEALED_ROOT = "root.sealed"


def find(data: Path) -> SealedRoot | None:
    """Return the sealed root of a universe; None where the root is in the clear."""
    try:
        return document.parse((data / SEALED_ROOT).read_bytes())
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise SealProblem(
            f"The sealed root {data / SEALED_ROOT} cannot be read: {problem.strerror}."
        ) from None


def clear_keyring(data: Path) -> Keyring:
    """Return the keyring of a universe whose root is in the clear; refuses a sealed one."""
    if find(data) is not None:
        raise RootKeyProblem(f"The universe in {data} is sealed.")
    return Keyring(read_key(data / ROOT_KEY))


def keep_sealed(data: Path, content: bytes, random: Random) -> None:
    """Put a sealed root in the place of whatever kept the root, durably."""
    durable.replace(data / SEALED_ROOT, content)
    _remove_clear(data, random)


def keep_clear(data: Path, root: bytes, random: Random) -> None:
    """Put the root in the clear in the place of whatever kept it, durably."""
    if (data / SEALED_ROOT).exists():
        _remove_clear(data, random)
    durable.create(data / ROOT_KEY, root)
    durable.remove(data / SEALED_ROOT)


def settle(data: Path, random: Random) -> None:
    """Finish a step that was interrupted: beside a sealed root none is left in the clear."""
    with alone(data):
        if (data / SEALED_ROOT).exists():
            _remove_clear(data, random)


@contextlib.contextmanager
def alone(data: Path) -> Iterator[None]:
    """Keep every other process from changing how this root is kept."""
    descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_clear(data: Path, random: Random) -> None:
    """Overwrite and remove the root in the clear; what a disk keeps of it besides is its own."""
    path = data / ROOT_KEY
    if not path.exists():
        return
    with path.open("r+b") as file:
        file.write(random(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    durable.remove(path)
