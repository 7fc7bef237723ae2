"""`rempart ekm block`: the switch that one officer throws."""

from __future__ import annotations

import click

from rempart.ekm.administration.statements import EVERYTHING
from rempart.ekm.cli import options, reach


@click.command("block")
@click.argument("key", default=EVERYTHING, metavar="[KEY|SPACE]")
@click.option("--note", default="", help="What the others should know.")
@reach.officer_options
@options.json_option
def command(*, key: str, note: str, as_json: bool, **ours: object) -> None:
    """Refuse everything from now on, or all uses of a key or of a crypto space's keys."""
    session = reach.session(**ours)  # type: ignore[arg-type]  # the options, by their names
    answer = session.way.hear(session.desk.block(key, note=note))
    if as_json:
        options.show_json(answer)
        return
    what = "Everything is" if key == EVERYTHING else f"{key} is"
    click.echo(f"{what} blocked. The block is {answer['digest']}.")
    click.echo(f"Officers lift it together:  rempart ekm unblock {str(answer['digest'])[:12]}")
