"""`rempart ekm unblock`: propose to lift a block."""

from __future__ import annotations

import click

from rempart.core.document import items, text
from rempart.ekm.administration import actions
from rempart.ekm.cli import options, reach
from rempart.ekm.cli.approve import the_one
from rempart.ekm.cli.propose import HOURS_MAX, say

GONE = "No block begins with {}. What is blocked: rempart ekm status --officer FILE"


@click.command("unblock")
@click.argument("block", metavar="ID")
@click.option("--hours", type=click.IntRange(1, HOURS_MAX), default=24, show_default=True)
@click.option("--note", default="", help="What the others should know.")
@reach.officer_options
@options.json_option
def command(*, block: str, hours: int, note: str, as_json: bool, **ours: object) -> None:
    """Propose to lift one block, by the first characters of its digest; others stay."""
    session = reach.session(**ours)  # type: ignore[arg-type]  # the options, by their names
    found = the_one(items(session.state(), "blocks"), block, GONE)
    action = actions.Unblock(block=text(found, "digest"))
    token = session.desk.proposal(action, basis=session.basis, seconds=hours * 3600, note=note)
    say(session.way.hear(token), as_json=as_json)
