"""`rempart ekm proposals`: what waits for officers' consents."""

from __future__ import annotations

import click

from rempart.core.document import items
from rempart.ekm.cli import options, reach


@click.command("proposals")
@reach.officer_options
@options.json_option
def command(*, as_json: bool, **ours: object) -> None:
    """List the proposals that wait, each with what it would do."""
    state = reach.session(**ours).state()  # type: ignore[arg-type]  # the options, by their names
    waiting = items(state, "proposals")
    if as_json:
        options.show_json({"proposals": waiting})
        return
    for shown in waiting:
        officers = shown["officers"]
        consents = ", ".join(officers) if isinstance(officers, list) else ""
        click.echo(f"{str(shown['digest'])[:12]}  until {shown['expires']}, consents: {consents}")
        for line in reach.described(reach.proposal(shown)):
            click.echo(f"  {line}")
    click.echo(f"Proposals that wait: {len(waiting)}. Officers who decide: {state['quorum']}.")
