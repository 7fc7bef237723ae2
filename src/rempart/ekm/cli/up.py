"""`rempart ekm up`: run the key holder until it is told to stop."""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

import click

from rempart import durable
from rempart.core.clock import World
from rempart.core.errors import CloudError
from rempart.ekm import settings
from rempart.ekm.cli import options
from rempart.ekm.model.verdict import Judge
from rempart.ekm.opened import open_data
from rempart.ekm.record.segments import LogBroken
from rempart.ekm.run import Ready, serve
from rempart.standalone import identity
from rempart.standalone.sealing import SealingProblem

IN_USE_CODE = 75
"""EX_TEMPFAIL: the directory is in use; trying again later may succeed."""


@click.command("up")
@options.data_option
def command(data: Path) -> None:
    """Run the key holder."""
    run(data)


def run(data: Path, judge: Judge | None = None) -> None:
    """Run the key holder of a data directory; with another judge than its officers, if given."""
    try:
        chosen = settings.load(data)
        with durable.hold(data):
            _allow_files()
            opened = open_data(data, chosen, World(), ask=options.ask_passphrase, judge=judge)
            with asyncio.Runner(loop_factory=_new_loop) as runner:
                runner.run(serve(opened, lambda ready: _greet(data, chosen, ready)))
    except durable.InUse:
        click.echo(f"Error: a key holder already runs on {data}. It is unharmed.", err=True)
        raise SystemExit(IN_USE_CODE) from None
    except CloudError as problem:
        options.refuse(problem.message)
    except OSError as problem:
        options.refuse(f"The key holder cannot run: {problem.strerror}.")
    except (settings.SettingsProblem, SealingProblem, LogBroken) as problem:
        options.refuse(str(problem))
    click.echo("Stopped.")


def _greet(data: Path, chosen: settings.Settings, ready: Ready) -> None:
    who = identity.load(data)
    click.echo(f"Ready: https://{ready.listen}, certificate {who.fingerprint}.")
    names = " or ".join(sorted(chosen.audience(ready.listen.port)))
    click.echo(f"The cloud's keys must name it as {names} (else: audiences in ekm.toml).")
    if ready.status is not None:
        click.echo(f"Status page, from this machine: http://{ready.status}/")
    days = (who.ends - who.ends.now(who.ends.tzinfo)).days
    if days < identity.WARN_DAYS:
        click.echo(f"Warning: the certificate ends in {days} days: rempart ekm certificate --renew")
    sys.stdout.flush()


def _allow_files() -> None:
    """Take as many descriptors as the system lets us: connections must leave the log its own."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _new_loop() -> asyncio.AbstractEventLoop:
    """Return the faster loop; imported here, because no other command needs it."""
    import uvloop  # noqa: PLC0415

    return uvloop.new_event_loop()
