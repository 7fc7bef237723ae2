"""`rempart ekm approve`: consent to a proposal."""

from __future__ import annotations

import click

from rempart.core.document import items, text
from rempart.ekm.cli import options, reach

PREFIX_CHARS_MIN = 8


@click.command("approve")
@click.argument("proposal", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not show it and ask.")
@reach.officer_options
@options.json_option
def command(*, proposal: str, yes: bool, as_json: bool, **ours: object) -> None:
    """Consent to a proposal, by the first characters of its digest."""
    session = reach.session(**ours)  # type: ignore[arg-type]  # the options, by their names
    found = [
        shown
        for shown in items(session.state(), "proposals")
        if len(proposal) >= PREFIX_CHARS_MIN and text(shown, "digest").startswith(proposal)
    ]
    if len(found) != 1:
        options.refuse(f"{len(found)} proposals begin with {proposal} ({PREFIX_CHARS_MIN} needed).")
    for line in reach.described(reach.proposal(found[0])):
        click.echo(line, err=True)
    if not yes:
        click.confirm("Consent to exactly this?", abort=True, err=True)
    answer = session.way.hear(session.desk.consent(text(found[0], "digest")))
    if as_json:
        options.show_json(answer)
    else:
        click.echo("Consented; more must." if answer["waiting"] else "Decided and carried out.")
