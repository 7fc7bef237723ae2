"""A key holder's data directory, opened: everything wired together, for the server and for admins.

One process has it open at a time. Specified in docs/spec/ekm-store.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rempart.core.clock import World
from rempart.core.errors import CloudError, unavailable
from rempart.ekm import durable, identity, settings
from rempart.ekm.access.callers import Callers
from rempart.ekm.admin.actions import ACTIONS, Document
from rempart.ekm.door.requests import Requests
from rempart.ekm.keys import sealing, store
from rempart.ekm.keys.material import SoftwareVault
from rempart.ekm.keys.store import Store
from rempart.ekm.model.verdict import Judge
from rempart.ekm.record.entry import Entry, encoded
from rempart.ekm.record.journal import Journal, NotRecorded

_LOG = logging.getLogger("rempart.ekm")
MATERIAL = "material"
LOG = "log"
AskPassphrase = Callable[[], str]
MakeJudge = Callable[[Path], Judge]
"""Makes the judge of a data directory; called at the start and at every reload."""


@dataclass(slots=True)
class Opened:
    """What an open data directory offers."""

    data: Path
    settings: settings.Settings
    world: World
    store: Store
    journal: Journal
    callers: Callers
    requests: Requests
    make_judge: MakeJudge

    def reload(self) -> None:
        """Make the judge anew; one that cannot be made leaves the old one in place."""
        try:
            self.requests.judge = self.make_judge(self.data)
        except CloudError as problem:
            _LOG.error("the policy was not taken: %s", problem.message)

    async def admin(self, name: str, arguments: Document, who: str) -> Document:
        """Do what an administrator asks, recorded before and after; raises CloudError."""
        action = ACTIONS[name]
        told = {key: str(value)[:500] for key, value in arguments.items() if key != "keys"}
        if action.changes:
            await self.record("admin", verb=name, stage="intent", detail={**told, "who": who})
        try:
            answer = await action.act(self.store, self.world, arguments)
        except CloudError as problem:
            await self._outcome(name, who, problem.status, problem.message, told)
            raise
        if action.changes:
            self.callers.trust(self.store.holdings.issuers)
            await self._outcome(name, who, 200, "", told)
        return answer

    async def _outcome(
        self, name: str, who: str, status: int, cause: str, told: dict[str, str]
    ) -> None:
        await self.record(
            "admin", verb=name, status=status, cause=cause, detail={**told, "who": who}
        )

    async def record(self, kind: str, **members: object) -> None:
        """Put an entry on record; raises CloudError where it cannot be."""
        entry = Entry(time=self.world.clock(), kind=kind, **members)  # type: ignore[arg-type]  # members of Entry, by name
        try:
            await self.journal.append(encoded(entry))
        except NotRecorded:
            raise unavailable("The log cannot be written, so nothing was done.") from None


def create(data: Path, chosen: settings.Settings, seal: sealing.Seal, world: World) -> None:
    """Make a data directory; `ekm.toml` comes last, so one without it was never finished."""
    for directory in (data, data / MATERIAL, data / LOG):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    data.chmod(0o700)
    identity.create(data, chosen.host, world.clock())
    Store.create(data / store.FILE_NAME, seal, _vault(data, world), world.random)
    durable.replace(data / settings.FILE_NAME, settings.toml(chosen).encode())
    durable.sync_directory(data.parent)


def open_data(
    data: Path,
    chosen: settings.Settings,
    world: World,
    *,
    ask: AskPassphrase,
    make_judge: MakeJudge,
) -> Opened:
    """Open a data directory that this process holds.

    Raises `SealingProblem` for a wrong secret and `LogBroken` for a log that does not chain.
    """
    held = Store.open(
        data / store.FILE_NAME, _opener(chosen, ask), _vault(data, world), world.random
    )
    journal = Journal.open(data / LOG)
    callers = Callers(held.holdings.issuers, chosen.audience(chosen.listen.port))
    requests = Requests(held, journal, callers, make_judge(data), world)
    return Opened(data, chosen, world, held, journal, callers, requests, make_judge)


def _opener(chosen: settings.Settings, ask: AskPassphrase) -> store.Opener:
    if chosen.key_file:
        return lambda salt: sealing.from_file(Path(chosen.key_file), salt)
    if chosen.passphrase_file:
        passphrase = sealing.read_passphrase(chosen.passphrase_file)
        return lambda salt: sealing.from_passphrase(passphrase, salt)
    return lambda salt: sealing.from_passphrase(ask(), salt)


def _vault(data: Path, world: World) -> SoftwareVault:
    return SoftwareVault(data / MATERIAL, world.random)
