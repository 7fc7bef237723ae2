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
    """Show the officers, the policy, the blocks, the proposals, and how the log stands.

    The exit code is 1 once a witness has seen another log than this one.
    """
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
    log = reach.Way(data, url, certificate).log()
    if as_json:
        options.show_json({**state, "log": log})
    else:
        for line in (*_lines(state), *_log(log)):
            click.echo(options.printable(line))
    if log is not None and log["alarm"]:
        click.echo(f"ALARM: {options.printable(str(log['alarm']))}", err=True)
        raise SystemExit(1)


def _told(data: Path) -> Document:
    try:
        state = history.told(data / LOG)
    except LogBroken as problem:
        options.refuse(f"The log does not verify: {problem}")
    return {} if state is None else shown(state)


def _lines(state: Document) -> Iterator[str]:
    if not state:
        yield "decides    nobody: this manager has no officers yet: rempart ekm enrol"
        return
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


def _log(log: Document | None) -> Iterator[str]:
    if log is None:
        yield "log        unknown: the manager does not run"
        return
    yield f"log        {log['log']}: {log['size']} entries, {log['publishedSize']} published"
    if log["lacking"]:
        yield f"log        nothing newer is published: {log['lacking']}"
    for witness in items(log, "witnesses"):
        yield f"witness    {witness['name']}  {witness['fault'] or 'cosigned'}"
