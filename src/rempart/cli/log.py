"""`rempart log`: what others need to check the log, and what its witnesses say of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rempart.cli import log_policy, options
from rempart.cli.log_site import LogState, ask, state


@click.group("log")
def command() -> None:
    """Show how the log is checked, and say who has to cosign it."""


@command.command("key")
@options.data_option
def key(data: Path) -> None:
    """Print the log's verifier key, for witnesses and for whoever checks proofs."""
    click.echo(_asked(data, "key"), nl=False)


@command.command("policy")
@options.data_option
def policy(data: Path) -> None:
    """Print what a checkpoint must have before it is published, in the format of C2SP."""
    click.echo(_asked(data, "policy"), nl=False)


@command.command("witnesses")
@options.data_option
@options.json_option
def witnesses(data: Path, *, as_json: bool) -> None:
    """Say what each witness did last; exit code 1 if one tells of a fork, or too few cosign."""
    found = state(data)
    if found is None:
        options.refuse(f"No universe answers on {data}. Start it: rempart up --data {data}")
    if as_json:
        options.show_json(found.document)
    else:
        _show(found)
    raise SystemExit(1 if found.problem else 0)


def _asked(data: Path, name: str) -> str:
    content = ask(data, name)
    if content is None:
        options.refuse(f"No universe answers on {data}. Start it: rempart up --data {data}")
    return content.decode()


def _show(found: LogState) -> None:
    click.echo(f"{found.size} entries, {found.published} under the published checkpoint")
    for one in found.witnesses:
        click.echo(f"{_word(one):<8} {one['name']} {one['url']}")
        if one["message"] and one["message"] not in found.problem:
            click.echo(f"         {one['message']}")
    if found.problem:
        click.echo(found.problem, err=True)


def _word(witness: dict[str, Any]) -> str:
    return witness["fault"] or "cosigned"


for _each in (log_policy.add_witness, log_policy.remove_witness, log_policy.set_quorum):
    command.add_command(_each)
