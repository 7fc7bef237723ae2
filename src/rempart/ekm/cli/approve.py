"""`rempart ekm approve`: consent to a proposal."""

from __future__ import annotations

import click

from rempart.core.document import Document, items, text
from rempart.ekm.cli import options, reach

PREFIX_CHARS_MIN = 8
GONE = (
    "No proposal that waits begins with {}. It was decided, or it lapsed because another was "
    "decided first: then propose it again. What waits: rempart ekm proposals"
)


@click.command("approve")
@click.argument("proposal", metavar="ID")
@click.option("--yes", is_flag=True, help="Show it, and do not ask.")
@reach.officer_options
@options.json_option
def command(*, proposal: str, yes: bool, as_json: bool, **ours: object) -> None:
    """Consent to a proposal, by the first characters of its digest."""
    session = reach.session(**ours)  # type: ignore[arg-type]  # the options, by their names
    found = the_one(items(session.state(), "proposals"), proposal, GONE)
    for line in reach.described(reach.proposal(found)):
        click.echo(line, err=True)
    if not yes:
        click.confirm("Consent to exactly this?", abort=True, err=True)
    answer = session.way.hear(session.desk.consent(text(found, "digest")))
    if as_json:
        options.show_json(answer)
    else:
        click.echo("Consented; more must." if answer["waiting"] else "Decided and carried out.")


def the_one(waiting: list[Document], prefix: str, gone: str) -> Document:
    """Return what has a digest that begins like this; refuses with `gone` where nothing has."""
    if len(prefix) < PREFIX_CHARS_MIN:
        options.refuse(f"Give the first {PREFIX_CHARS_MIN} characters at least, not {prefix}.")
    found = [shown for shown in waiting if text(shown, "digest").startswith(prefix)]
    if not found:
        options.refuse(gone.format(prefix))
    if len(found) > 1:
        options.refuse(f"{len(found)} begin with {prefix}: give more of it.")
    return found[0]
