"""`rempart what-can`: every right that somebody has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rempart.cli import asking, options, right_texts
from rempart.cli.analysis import analyses, incomplete, rows
from rempart.universe import Ask


@click.command("what-can")
@options.data_option
@options.json_option
@asking.key_option
@asking.scope_option
@click.argument("member")
@click.pass_context
def command(
    context: click.Context,
    data: Path,
    key: Path | None,
    scope: str | None,
    member: str,
    *,
    as_json: bool,
) -> None:
    """List every grant that reaches MEMBER: by its own name, and by sets that it is in.

    A grant on an organization, a folder or a project holds for all below it. Deny policies and
    boundaries may take away what is granted: `rempart why` tells. The universe may run or be
    stopped.
    """

    async def question(ask: Ask) -> dict[str, Any]:
        found = await analyses(ask, scope, {"identitySelector.identity": member})
        return {"member": member, "grants": rows(found), "incomplete": incomplete(found)}

    answer = asking.ask(context, data, key, question)
    if as_json:
        options.show_json(answer)
        return
    grants = answer["grants"]
    who = right_texts.member(member)
    click.echo(f"What is granted to {who}:" if grants else f"Nothing is granted to {who}.")
    for one in grants:
        through = "" if member in one["member"] else f", as {right_texts.member(one['member'])}"
        condition = f", if {one['condition']}" if "condition" in one else ""
        where = right_texts.resource(one["resource"])
        click.echo(f"  the role {one['role']} on {where}{through}{condition}")
    for note in answer["incomplete"]:
        click.echo(f"Note: {note}")
