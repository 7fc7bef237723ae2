"""`rempart why`: whether somebody may do something, and by which rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rempart.cli import asking, options, right_texts
from rempart.universe import Ask, Question


@click.command("why")
@options.data_option
@options.json_option
@asking.key_option
@click.argument("member")
@click.argument("permission")
@click.argument("resource")
@click.pass_context
def command(
    context: click.Context,
    /,
    data: Path,
    key: Path | None,
    *,
    as_json: bool,
    **of: str,
) -> None:
    """Say whether MEMBER may use PERMISSION on RESOURCE, and why; exit code 0 if so, 1 if not.

    MEMBER is an email or such as serviceAccount:EMAIL; RESOURCE is gs://BUCKET/OBJECT, projects/ID,
    or a full name. The universe may run or be stopped.
    """

    async def question(ask: Ask) -> dict[str, Any]:
        return await troubleshoot(ask, of["member"], of["permission"], of["resource"])

    answer = asking.ask(context, data, key, question)
    if as_json:
        options.show_json(answer)
    else:
        for line in right_texts.why(answer):
            click.echo(line)
    raise SystemExit(0 if answer["overallAccessState"] == "CAN_ACCESS" else 1)


async def troubleshoot(ask: Ask, member: str, permission: str, resource: str) -> dict[str, Any]:
    """Return Policy Troubleshooter's answer."""
    access = {"principal": member, "permission": permission, "fullResourceName": resource}
    question = Question(
        "policytroubleshooter", "POST", "v3/iam:troubleshoot", document={"accessTuple": access}
    )
    return await ask(question)
