"""`rempart env`: what a shell needs so that Google's tools talk to this universe."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

import click

from rempart.cli import client_files, client_variables, instance, options
from rempart.config import Config
from rempart.trust.custody import pki

HTTPS_PORT = 443


@click.command("env")
@options.data_option
@click.option("--project", metavar="P", help="Another project than the first.")
@click.option("--universe", is_flag=True, help="By universe domain; needs names and port 443.")
@click.option(
    "--without-universe",
    is_flag=True,
    help="For programs that build a client with no options at all; see docs/operating.md first.",
)
@options.json_option
def command(
    data: Path, project: str | None, *, universe: bool, without_universe: bool, as_json: bool
) -> None:
    """Print `export …` lines: eval "$(rempart env)"."""
    if universe and without_universe:
        options.refuse("--universe and --without-universe exclude each other.")
    config, wrong = options.reachable(data)
    running = instance.running(data)
    listen = config.listen if running is None else running.listen
    chosen = project or config.project
    try:
        if universe:
            files = client_files.by_universe(data, config, chosen)
            variables = client_variables.by_universe(config, files, chosen)
        else:
            files = client_files.by_endpoint(
                data, config, chosen, listen.port, universe_in_key=not without_universe
            )
            variables = client_variables.by_endpoint(config, files, chosen, listen.port)
    except (client_files.ClientFilesProblem, pki.CertificateProblem) as problem:
        options.refuse(str(problem))
    if without_universe:
        variables = {**variables, "GOOGLE_CLOUD_UNIVERSE_DOMAIN": "googleapis.com"}
    variables = {**variables, **_own(data)}
    if wrong:
        click.echo(f"Warning: {wrong}", err=True)
    if as_json:
        options.show_json(variables)
        return
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    remarks = _remarks(config, files, listen.port, universe=universe)
    click.echo("\n".join(exports + remarks))


def _own(data: Path) -> dict[str, str]:
    """Return what `rempart` itself needs in that shell: its data, and to be found by its name."""
    own = {"REMPART_DATA": str(data.absolute())}
    beside = Path(sys.executable).with_name("rempart")
    if shutil.which("rempart") is None and beside.exists():
        own["PATH"] = os.pathsep.join((str(beside.parent), os.environ.get("PATH", os.defpath)))
    return own


def _remarks(
    config: Config, files: client_variables.ClientFiles, port: int, *, universe: bool
) -> list[str]:
    unwanted = ["STORAGE_EMULATOR_HOST"]
    lines = []
    if universe:
        unwanted += client_variables.only_by_endpoint(config, files)
        lines = ["# Names: a DNS server that leads *.DOMAIN here, or these lines in /etc/hosts:"]
        lines += [f"# {line}" for line in client_variables.hosts_lines(config, "127.0.0.1")]
        lines.append(f"# Authority for clients that have their own list: {files.bundle}")
        if port != HTTPS_PORT:
            lines.append(
                f"# Clients ask port {HTTPS_PORT}, but the universe listens on {port}: "
                f"rempart up --listen 127.0.0.1:{HTTPS_PORT}"
            )
    # Only what this shell really has: a variable of the other form would win over the domain.
    return [f"unset {name}" for name in unwanted if name in os.environ] + lines
