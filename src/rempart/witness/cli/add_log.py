"""`rempart witness add-log`: know one more log."""

from __future__ import annotations

from pathlib import Path

import click

from rempart.witness import logs, settings
from rempart.witness.cli import introduction, options


@click.command("add-log")
@click.argument("vkey")
@options.data_option
@options.json_option
def command(*, vkey: str, data: Path, as_json: bool) -> None:
    """Cosign for the log of this verifier key; a running witness takes it up by itself.

    A log that changes its key has two for a while: add the new one, then remove the old.
    """
    with options.refusing():
        chosen = settings.load(data)
        added = logs.add(data, vkey)
        by_hand = introduction.of_key_holder(added.key.name)
        told = (introduction.line if by_hand else introduction.invitation)(data, chosen)
    if as_json:
        options.show_json({"origin": added.key.name, "key": added.key.text, "invitation": told})
        return
    click.echo(f"Knows the log {options.printable(added.key.name)}.")
    if told and by_hand:
        click.echo("It is called as a key holder's. " + _by_hand(told, chosen))
    elif told:
        click.echo(f"Its operator has it cosigned here by:  {told}")


def _by_hand(line: str, chosen: settings.Settings) -> str:
    """Return how a key holder has its log cosigned, which no command does."""
    own = chosen.tls == settings.OWN_TLS
    file = f"log-witnesses/{line.split()[1]}.pem"
    certificate = f", puts what `rempart witness certificate` prints into {file}" if own else ""
    return (
        "Its operator adds this line to log-policy, names the witness in the quorum"
        f"{certificate}, and starts again:  {line}"
    )
