"""`rempart up`: create the universe if there is none, and run it until it is told to stop."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shutil
import sys
from pathlib import Path

import click

from rempart import config, durable
from rempart.cli import creation, instance, options, ports
from rempart.cli.seals import InTheClear
from rempart.config import EMBEDDED, Config, ConfigProblem, Flags
from rempart.core.clock import system_clock
from rempart.core.errors import CloudError
from rempart.engine.seam import EngineError
from rempart.trust.custody import pki
from rempart.trust.custody.keyring import ROOT_KEY, RootKeyProblem
from rempart.trust.custody.sealing import files
from rempart.trust.custody.sealing.document import SealProblem
from rempart.trust.custody.sealing.door import SealState
from rempart.universe import Operations, Ready


@click.command("up")
@options.data_option
@click.option("--listen", metavar="HOST:PORT", help="TLS port, REST and gRPC.")
@click.option("--http", metavar="HOST:PORT", help="Plaintext port, for development.")
@click.option("--domain", help="API domain; fixed by the first start.")
@click.option("--prefix", metavar="P", help="Project prefix; fixed by the first start.")
@click.option("--engine", metavar="URL", help="embedded, or postgresql://…; fixed likewise.")
@click.option("--workers", type=int, metavar="N", help="Server processes; only 1 is implemented.")
@click.pass_context
def command(context: click.Context, /, data: Path, **given: str | int | None) -> None:
    """Create the universe if there is none, and run it."""
    try:
        flags = Flags(**given).over(config.from_environment(os.environ))  # type: ignore[arg-type]  # click has checked each type
        with creation.prepared(data):
            _run(context, data, flags)
    except durable.InUse:
        options.refuse_in_use(data, "Stop it first, or give another --data (and ports).")
    except (
        ConfigProblem,
        creation.CreationProblem,
        ports.PortProblem,
        pki.CertificateProblem,
        RootKeyProblem,
        SealProblem,
        EngineError,
    ) as problem:
        options.refuse(str(problem))
    except CloudError as problem:
        options.refuse(problem.message)


def _run(context: click.Context, data: Path, flags: Flags) -> None:
    created = not config.exists(data)
    begun = data / creation.STAGE_NAME if creation.unfinished(data) else data
    settings = config.load(begun, flags) if config.exists(begun) else config.first(flags)
    listen, http = ports.claim_both(settings.listen, settings.http)
    listening = dataclasses.replace(settings, listen=listen, http=http)
    if listening.listen.port == listening.http.port:
        options.refuse("--listen and --http name one port: give each its own.")
    operations = options.operations(context)
    if created:
        creation.create(data, settings, operations, InTheClear())
    renewal = pki.ensure(data, settings.domain, settings.regions, system_clock())
    if renewal is pki.Outcome.RENEWED:
        click.echo("The server certificate was renewed; clients need no change.")
    _serve(data, listening, operations, created=created)


def _serve(data: Path, settings: Config, operations: Operations, *, created: bool) -> None:
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(operations.serve(data, settings, _Screen(data, settings, created=created)))
    click.echo("Stopped.")


class _Screen:
    """Writes down where the universe listens, and tells the operator how it comes up."""

    def __init__(self, data: Path, settings: Config, *, created: bool) -> None:
        self._data = data
        self._settings = settings
        self._created = created

    def sealed(self, where: Ready, state: SealState) -> None:
        """Say what the custodians have to do."""
        self._show(where, sealed_greeting(self._data, self._settings, where, state))

    def ready(self, where: Ready) -> None:
        """Say what to type next."""
        self._show(where, greeting(self._data, self._settings, where, created=self._created))

    def _show(self, where: Ready, lines: list[str]) -> None:
        instance.note(self._data, where)
        for line in lines:
            click.echo(line)
        sys.stdout.flush()


def _new_loop() -> asyncio.AbstractEventLoop:
    """Return the faster loop; imported here, because no other command needs it."""
    import uvloop  # noqa: PLC0415

    return uvloop.new_event_loop()


def greeting(data: Path, settings: Config, ready: Ready, *, created: bool) -> list[str]:
    """Return the five lines that say what was done and what to type next."""
    program = _program()
    where = f"https://localhost:{ready.listen.port} (REST and gRPC)"
    location = settings.regions[0]
    done = (
        f"Created the universe {settings.domain} in {data}: authority, keys, organization, folder, "
        f"project {settings.project}, administrator ({data / 'admin-key.json'})."
        if created
        else f"Opened the universe {settings.domain} in {data}, project {settings.project}."
    )
    warning = _warning(data)
    if settings.engine != EMBEDDED:
        warning += " The database sees names in the clear: keep it on an encrypted volume."
    first_steps = (
        f"Then:  gcloud storage buckets create gs://first --location={location}  and  "
        "gcloud storage cp FILE gs://first/"
    )
    return [
        done,
        warning,
        f"Ready: {where}, http://{ready.http} (plaintext, for development). Ctrl-C stops it.",
        f'Next, in another shell:  eval "$({program} env --data {data.absolute()})"',
        first_steps,
    ]


def sealed_greeting(data: Path, settings: Config, where: Ready, state: SealState) -> list[str]:
    """Return the lines that say that the universe is sealed, and who opens it."""
    who = f"{state.needed} of its {state.custodians} custodians open it."
    todo = f"Next, each custodian on this machine:  {_program()} unseal --data {data.absolute()}"
    if state.holder:
        who = f"{state.holder} opens it."
        todo = (
            f"It is asked until it agrees; {_program()} status --data {data.absolute()} says how."
        )
    where_from = f"https://localhost:{where.listen.port} and http://{where.http}"
    return [
        f"The universe {settings.domain} in {data} is sealed: {who}",
        f"Until then {where_from} answer health checks, and 503 to everything else.",
        todo,
    ]


def _warning(data: Path) -> str:
    if (data / files.SEALED_ROOT).exists():
        return (
            "The root key is in this process alone: after a restart the universe is sealed again, "
            f"and without who opens it {data} can be read by nobody."
        )
    return (
        f"Warning: the root key lies on this machine, beside the data: whoever copies {data} whole "
        f"can read it all. Keep {data / ROOT_KEY} out of backups; production wants custodians: "
        f"{_program()} rekey --help"
    )


def _program() -> str:
    if shutil.which("rempart") is not None:
        return "rempart"
    return str(Path(sys.executable).absolute().with_name("rempart"))
