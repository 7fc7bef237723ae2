"""`rempart up`: create the universe if there is none, and run it until it is told to stop."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shutil
import sys
from pathlib import Path

import click

from rempart import config
from rempart.cli import creation, instance, options, ports
from rempart.config import EMBEDDED, Config, ConfigProblem, Flags
from rempart.core.clock import system_clock
from rempart.engine.seam import EngineError
from rempart.trust.custody import pki
from rempart.trust.custody.keyring import RootKeyProblem
from rempart.universe import Operations, Ready

STOP_CODE = 75
"""EX_TEMPFAIL: the directory is in use; trying again later may succeed."""


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
        creation.prepare(data)
        with instance.hold(data):
            _run(context, data, flags)
    except instance.AlreadyRunning:
        _refuse_second(data)
    except (
        ConfigProblem,
        creation.CreationProblem,
        ports.PortProblem,
        pki.CertificateProblem,
        RootKeyProblem,
        EngineError,
    ) as problem:
        options.refuse(str(problem))


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
        creation.create(data, settings, operations)
    renewal = pki.ensure(data, settings.domain, settings.regions, system_clock())
    if renewal is pki.Outcome.RENEWED:
        click.echo("The server certificate was renewed; clients need no change.")
    _serve(data, listening, operations, created=created)


def _serve(data: Path, settings: Config, operations: Operations, *, created: bool) -> None:
    def on_ready(ready: Ready) -> None:
        instance.note(data, ready)
        for line in greeting(data, settings, ready, created=created):
            click.echo(line)
        sys.stdout.flush()

    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(operations.serve(data, settings, on_ready))
    click.echo("Stopped.")


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
    warning = (
        f"Warning: the root key lies on this machine, beside the data: whoever copies {data} whole "
        f"can read it all. Keep {data / 'root.key'} out of backups; production wants a key holder."
    )
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


def _program() -> str:
    if shutil.which("rempart") is not None:
        return "rempart"
    return str(Path(sys.executable).absolute().with_name("rempart"))


def _refuse_second(data: Path) -> None:
    other = instance.running(data)
    who = "another process" if other is None else f"pid {other.pid}, https://{other.listen}"
    click.echo(
        f"Error: a universe already runs on {data} ({who}). It is unharmed. Stop it first, or give "
        "another --data (and ports).",
        err=True,
    )
    raise SystemExit(STOP_CODE)
