"""`rempart ekm`: the key holder's program, one file per group of commands."""

from __future__ import annotations

from importlib import import_module

import click
from typing_extensions import override

COMMANDS = (
    *("approval", "approve", "block", "certificate", "enrol", "hsm", "init", "keys", "log"),
    *(
        "officer",
        "passphrase",
        "policy",
        "proposals",
        "propose",
        "spaces",
        "status",
        "trust",
        "unblock",
        "up",
    ),
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
        found = import_module(f"{__name__}.{cmd_name}").command
        return found if isinstance(found, click.Command) else None


@click.group("ekm", cls=_Commands)
def command() -> None:
    """Hold keys outside the cloud: the external key manager."""
