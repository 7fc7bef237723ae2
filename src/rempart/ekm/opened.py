"""A key holder's data directory, opened: everything wired together, for the server and for admins.

One process has it open at a time. Specified in docs/spec/ekm-store.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from rempart import durable
from rempart.core.clock import World
from rempart.core.document import text
from rempart.core.errors import CloudError, Code, unavailable, unimplemented
from rempart.ekm import settings
from rempart.ekm.access.callers import Callers
from rempart.ekm.admin import feasible
from rempart.ekm.admin.actions import ACTIONS, Document
from rempart.ekm.administration import history
from rempart.ekm.administration.judgement import Judgement
from rempart.ekm.administration.office import Office
from rempart.ekm.door.requests import Requests
from rempart.ekm.keys import store
from rempart.ekm.keys.material import SoftwareVault
from rempart.ekm.keys.store import Store
from rempart.ekm.keys.token import TokenVault
from rempart.ekm.model.holdings import Pin
from rempart.ekm.model.verdict import Judge
from rempart.ekm.record.entry import Entry, decoded, encoded
from rempart.ekm.record.journal import Journal, NotRecorded
from rempart.ekm.record.search import lines_with
from rempart.ekm.tree import files, transparency
from rempart.ekm.tree.transparency import Transparency
from rempart.standalone import identity, sealing
from rempart.trust.custody.pkcs11.token import Token

MATERIAL = "material"
LOG = "log"
_MADE = {MATERIAL, LOG, files.DIRECTORY, "tls", store.FILE_NAME, settings.FILE_NAME}
_GENERATION = b'"generation":'
AskPassphrase = Callable[[], str]


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
    office: Office
    transparency: Transparency

    async def command(self, name: str, arguments: Document, who: str) -> Document:
        """Do what a command on this machine asks; raises CloudError.

        Once there are officers, what changes something is theirs to decide.
        """
        if name.startswith("officers."):
            return await self._officers(name, arguments)
        if name == "log.state":
            return self.transparency.site.state()
        if name not in ACTIONS:
            raise unimplemented(f"The action {name[:64]!r}")
        if ACTIONS[name].changes and self.office.state is not None:
            raise CloudError(
                Code.PERMISSION_DENIED,
                "Officers decide this together: rempart ekm propose --help",
                reason="OFFICERS_DECIDE",
            )
        return await self.admin(name, arguments, who)

    async def _officers(self, name: str, arguments: Document) -> Document:
        match name:
            case "officers.manager":
                return self.office.manager()
            case "officers.enrol":
                return await self.office.enrol(text(arguments, "enrolment"))
            case "officers.hear":
                return await self.office.hear(text(arguments, "statement"))
            case _:
                raise unimplemented(f"The action {name[:64]!r}")

    async def admin(self, name: str, arguments: Document, who: str) -> Document:
        """Do what somebody who may has asked for, recorded before and after."""
        action = ACTIONS[name]
        told = {key: str(value)[:500] for key, value in arguments.items() if key != "keys"}
        if action.changes:
            await self.record("admin", verb=name, stage="intent", detail={**told, "who": who})
        try:
            answer = await action.act(self.store, self.world, arguments)
        except CloudError as problem:
            if action.changes:
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
            "admin",
            verb=name,
            status=status,
            cause=cause,
            generation=self.store.holdings.generation,
            detail={**told, "who": who},
        )

    async def record(self, kind: str, **members: object) -> None:
        """Put an entry on record; raises CloudError where it cannot be."""
        entry = Entry(time=self.world.clock(), kind=kind, **members)  # type: ignore[arg-type]  # members of Entry, by name
        await self.append(entry)

    async def append(self, entry: Entry) -> None:
        """Put this entry on record; raises CloudError where it cannot be."""
        try:
            await self.journal.append(encoded(entry))
        except NotRecorded:
            raise unavailable("The log cannot be written, so nothing was done.") from None

    async def close(self) -> None:
        """Let go of the log and the token."""
        await self.journal.close()
        if self.store.token is not None:
            await self.store.token.close()


def check_new(data: Path) -> None:
    """Refuse a directory that holds anything but what a `create` that was cut short left."""
    if (data / settings.FILE_NAME).exists():
        raise settings.SettingsProblem(f"There is a key holder in {data} already. It is unharmed.")
    if data.is_dir() and {path.name.removesuffix(".new") for path in data.iterdir()} - _MADE:
        raise settings.SettingsProblem(f"{data} is not empty. Choose another --data.")


def create(data: Path, chosen: settings.Settings, seal: sealing.Seal, world: World) -> None:
    """Make a data directory; `ekm.toml` comes last, so one without it was never finished."""
    for directory in (data, data / MATERIAL, data / LOG):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    data.chmod(0o700)
    identity.create(data, chosen.host, world.clock())
    made = Store.create(data / store.FILE_NAME, seal, _vault(data, world), world.random)
    transparency.prepare(data, chosen, made.holdings.log_seed)
    durable.replace(data / settings.FILE_NAME, settings.toml(chosen).encode())
    durable.sync_directory(data.parent)


def open_data(
    data: Path,
    chosen: settings.Settings,
    world: World,
    *,
    ask: AskPassphrase,
    judge: Judge | None = None,
) -> Opened:
    """Open a data directory that this process holds.

    Requests are judged by what officers decided, unless there is another `judge`. Raises
    `SealingProblem` for a wrong secret or an older sealed file than the log has seen, and
    `LogBroken` for a log that does not hold.
    """
    held = Store.open(
        data / store.FILE_NAME, _opener(chosen, ask), _vault(data, world), world.random
    )
    _check_age(held, data / LOG)
    if chosen.hsm is not None:
        held.token = TokenVault(Token(chosen.hsm), held.mark, world.random)
    derived = transparency.prepare(data, chosen, held.holdings.log_seed)
    journal = Journal.open(data / LOG)
    watched = transparency.opened(
        data,
        data / LOG,
        derived,
        files.files_of(data, chosen.log_number),
        world.clock,
        lambda: journal.head.count,
    )
    judgement = Judgement()
    past = history.read(data / LOG, held.holdings.officers, judgement, now=world.clock())
    callers = Callers(held.holdings.issuers, chosen.audience(chosen.listen.port))
    requests = Requests(held, journal, callers, judge or judgement, world)

    async def keep_pin(pin: Pin) -> None:
        await held.change(lambda holdings: replace(holdings, officers=pin))

    async def append(entry: Entry) -> None:
        await opened.append(entry)

    async def perform(name: str, arguments: Document, who: str) -> Document:
        return await opened.admin(name, arguments, who)

    office = Office(
        past,
        append=append,
        keep_pin=keep_pin,
        perform=perform,
        check=lambda action: feasible.check(held, action),
        known=lambda path: path in held.holdings.keys or path in held.holdings.spaces,
        clock=world.clock,
        follow=judgement.follow,
    )
    opened = Opened(data, chosen, world, held, journal, callers, requests, office, watched)
    return opened


def _check_age(held: Store, log: Path) -> None:
    """Refuse a sealed file that was put back: in it, what was destroyed since is alive."""
    telling = (line.content for line in lines_with(log, _GENERATION))
    seen = max((decoded(content).generation for content in telling), default=0)
    if held.holdings.generation < seen:
        raise sealing.SealingProblem(
            f"{store.FILE_NAME} is older than the log: generation {held.holdings.generation}, and "
            f"the log has seen {seen}. Restore the whole data directory, or nothing of it."
        )


def _opener(chosen: settings.Settings, ask: AskPassphrase) -> store.Opener:
    if chosen.key_file:
        return lambda salt: sealing.from_file(Path(chosen.key_file), salt)
    if chosen.passphrase_file:
        passphrase = sealing.read_passphrase(chosen.passphrase_file)
        return lambda salt: sealing.from_passphrase(passphrase, salt)
    return lambda salt: sealing.from_passphrase(ask(), salt)


def _vault(data: Path, world: World) -> SoftwareVault:
    return SoftwareVault(data / MATERIAL, world.random)
