"""`rempart ekm certificate`: what callers pin, and a new one."""

from __future__ import annotations

from pathlib import Path

import click

from rempart import durable
from rempart.core.clock import system_clock
from rempart.ekm import settings
from rempart.ekm.cli import options
from rempart.standalone import identity


@click.command("certificate")
@click.option("--renew", is_flag=True, help="Make a new one; callers must pin it before the start.")
@options.data_option
@options.json_option
def command(*, renew: bool, data: Path, as_json: bool) -> None:
    """Print the certificate that callers pin."""
    try:
        chosen = settings.load(data)
        if renew:
            with durable.hold(data):
                identity.create(data, chosen.host, system_clock())
    except durable.InUse:
        options.refuse("The key holder runs: stop it first.")
    except settings.SettingsProblem as problem:
        options.refuse(str(problem))
    who = identity.load(data)
    pem = who.pem
    if as_json:
        options.show_json({"sha256": who.fingerprint, "ends": f"{who.ends:%F}", "pem": pem})
    else:
        click.echo(pem, nl=False)
