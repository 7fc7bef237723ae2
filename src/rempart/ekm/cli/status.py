"""`rempart ekm status`: who decides, what is in force, what waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from rempart.core.document import Document, items, section, strings
from rempart.ekm.administration import history
from rempart.ekm.administration.shown import shown
from rempart.ekm.cli import options, reach, signing
from rempart.ekm.opened import LOG
from rempart.ekm.record.segments import LogBroken


@click.command("status")
@click.option(
    "--officer",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="REMPART_EKM_OFFICER",
    metavar="FILE",
    help="Your key file, to ask the manager.  [default: read the log on this machine]",
)
@signing.passphrase_option
@reach.way_options
@options.json_option
def command(
    *,
    officer: Path | None,
    officer_passphrase_file: str,
    data: Path,
    url: str,
    certificate: Path | None,
    as_json: bool,
) -> None:
    """Show the officers, the approvers, the policy, the blocks and the proposals."""
    if officer is None:
        state = _told(data)
    else:
        session = reach.session(
            data=data,
            url=url,
            certificate=certificate,
            officer=officer,
            officer_passphrase_file=officer_passphrase_file,
        )
        state = session.state()
    if as_json:
        options.show_json(state)
        return
    for line in _lines(state):
        click.echo(options.printable(line))


def _told(data: Path) -> Document:
    try:
        state = history.told(data / LOG)
    except LogBroken as problem:
        options.refuse(f"The log does not verify: {problem}")
    if state is None:
        options.refuse("This manager has no officers yet: rempart ekm enrol")
    return shown(state)


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
