"""`rempart witness log`: what was cosigned and refused."""

from __future__ import annotations

import datetime as dt
from collections import deque
from pathlib import Path

import click
import msgspec

from rempart.witness import history, settings
from rempart.witness.cli import options


@click.command("log")
@options.data_option
@click.option("--origin", help="Of this log alone.")
@click.option("--forks", is_flag=True, help="Only two roots of one size, with both signed notes.")
@click.option("--last", type=click.IntRange(1, 100_000), default=100, show_default=True)
@options.json_option
def command(*, data: Path, origin: str | None, forks: bool, last: int, as_json: bool) -> None:
    """Show the latest events, oldest first; --json gives one document a line."""
    with options.refusing():
        settings.load(data)
        lines = deque(
            (
                line
                for line in history.read(data)
                if origin in {None, line.origin} and (not forks or line.kind == history.FORK)
            ),
            maxlen=last,
        )
    for line in lines:
        click.echo(msgspec.json.encode(line).decode() if as_json else _shown(line))


def _shown(line: history.Line) -> str:
    when = dt.datetime.fromtimestamp(line.seconds, dt.UTC).isoformat()
    origin, cause = options.printable(line.origin), options.printable(line.cause)
    notes = "".join(f"\n{note}" for note in line.notes)
    what = f"{when}  {line.kind:8}  {origin}  {line.size}  {line.root[:16]}  {cause}"
    return what.rstrip() + notes
