"""The command line: one file per command, imported only when that command runs."""

from __future__ import annotations

from importlib import import_module

import click
from typing_extensions import override

from rempart import __version__

COMMANDS = (
    "bootstrap",
    "coverage",
    "custodian",
    "doctor",
    "ekm",
    "env",
    "hsm",
    "init",
    "issuer-keys",
    "log",
    "order",
    "proof",
    "rekey",
    "review",
    "seal-identity",
    "staff",
    "status",
    "support",
    "token",
    "unseal",
    "up",
    "verify",
    "what-can",
    "who-can",
    "why",
    "witness",
)


class _Commands(click.Group):
    """Finds a command in the module of its name."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"{__name__}.{cmd_name.replace('-', '_')}").command
        return command if isinstance(command, click.Command) else None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rempart")
def main() -> None:
    """Run a trusted cloud of your own: Google Cloud's services on your own servers."""
