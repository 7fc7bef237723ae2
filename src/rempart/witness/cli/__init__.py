"""`rempart witness`: the witness's program, one file per command."""

from __future__ import annotations

from importlib import import_module

import click
from typing_extensions import override

COMMANDS = ("add-log", "certificate", "init", "keys", "log", "remove-log", "status", "up")


class _Commands(click.Group):
    """Finds a command in the module of its name."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found = import_module(f"{__name__}.{cmd_name.replace('-', '_')}").command
        return found if isinstance(found, click.Command) else None


@click.group("witness", cls=_Commands)
def command() -> None:
    """Vouch that logs never fork: an independent witness (C2SP tlog-witness)."""
