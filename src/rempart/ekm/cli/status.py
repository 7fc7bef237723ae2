"""`rempart ekm status`: who decides, what is in force, what waits."""

from __future__ import annotations

from collections.abc import Iterator

import click

from rempart.core.document import Document, items, section, strings
from rempart.ekm.cli import options, reach


@click.command("status")
@reach.officer_options
@options.json_option
def command(*, as_json: bool, **ours: object) -> None:
    """Show the officers, the approvers, the policy, the blocks and the proposals."""
    state = reach.session(**ours).state()  # type: ignore[arg-type]  # the options, by their names
    if as_json:
        options.show_json(state)
        return
    for line in _lines(state):
        click.echo(line)


def _lines(state: Document) -> Iterator[str]:
    policy = section(state, "policy")
    yield f"manager    {state['manager']}"
    yield f"decides    {state['quorum']} of {len(items(state, 'officers'))} officers"
    for who in ("officers", "approvers"):
        for person in items(state, who):
            yield f"{who[:-1]:<10} {person['name']}  {person['keyId']}"
    rules = strings(policy, "rules")
    yield (
        f"policy     {len(rules)} rules, SHA-256 {policy['sha256']}" if rules else "policy     none"
    )
    for block in items(state, "blocks"):
        what = f"{block['key']} by {block['officer']} at {block['time']}"
        yield f"block      {str(block['digest'])[:12]}  {what}  {block['note']}".rstrip()
    yield f"proposals  {len(items(state, 'proposals'))} wait"
