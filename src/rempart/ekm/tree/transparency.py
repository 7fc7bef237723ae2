"""A manager's log as others may watch it: wired together when its data directory is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rempart import durable
from rempart.core.clock import Clock
from rempart.cosigners.notary import Notary
from rempart.cosigners.quorum import BadPolicy, read_quorum
from rempart.ekm.settings import Settings, SettingsProblem
from rempart.ekm.tree import files, secret
from rempart.ekm.tree.files import TreeFiles, files_of
from rempart.ekm.tree.secret import TreeSecret
from rempart.ekm.tree.sequencer import Sequencer
from rempart.ekm.tree.site import LogSite
from rempart.tlog.keys import VerifierKey


@dataclass(frozen=True, slots=True)
class Transparency:
    """What the log's signatures are verified with, the tree's one writer, its public face."""

    key: VerifierKey
    sequencer: Sequencer
    site: LogSite


def prepare(data: Path, settings: Settings, seed: bytes) -> TreeSecret:
    """Write what the log is verified with, so that this can be done without the sealing secret."""
    number = settings.log_number
    begun = files.numbers(data)
    if begun and number < begun[-1]:
        raise SettingsProblem(
            f"log_number is {number}, and log {begun[-1]} was begun: no log is gone back to."
        )
    kept = files_of(data, number)
    kept.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    derived = secret.derived(seed, secret.origin(settings.host, number))
    key = f"{derived.signer.key.text}\n".encode()
    for name, content in ((files.KEY, key), (files.SALT, derived.salts.key)):
        path = kept.directory / name
        if not path.exists() or path.read_bytes() != content:
            kept.keep(name, content)
    durable.sync_directory(kept.directory.parent)
    return derived


def opened(
    data: Path,
    log: Path,
    derived: TreeSecret,
    kept: TreeFiles,
    clock: Clock,
    count: Callable[[], int],
) -> Transparency:
    """Wire a log; `count` says how many of its lines are durable. Raises `SettingsProblem`."""
    try:
        quorum = read_quorum(data, derived.signer.key)
    except BadPolicy as problem:
        raise SettingsProblem(str(problem)) from problem
    notary = Notary(derived.signer, clock, quorum)
    sequencer = Sequencer(log, kept, notary, derived.salts, count)
    return Transparency(notary.key, sequencer, LogSite(kept, notary, sequencer))
