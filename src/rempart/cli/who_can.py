"""`rempart who-can`: everybody who may do something to a resource."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rempart.cli import asking, options, right_texts
from rempart.cli.analysis import analyses, incomplete, rows
from rempart.cli.why import troubleshoot
from rempart.universe import Ask

CONFIRMED_MAX = 1000
"""How many principals are asked about one by one."""

_ONE = ("user:", "serviceAccount:", "principal:")


@click.command("who-can")
@options.data_option
@options.json_option
@asking.key_option
@asking.scope_option
@click.argument("permission")
@click.argument("resource")
@click.pass_context
def command(
    context: click.Context,
    /,
    data: Path,
    key: Path | None,
    scope: str | None,
    *,
    as_json: bool,
    **of: str,
) -> None:
    """List who may use PERMISSION on RESOURCE, and by which grant.

    Each person and account is asked about by itself, so that what takes rights away counts too. The
    universe may run or be stopped.
    """
    permission, resource = of["permission"], of["resource"]

    async def question(ask: Ask) -> dict[str, Any]:
        selectors = {
            "accessSelector.permissions": permission,
            "resourceSelector.fullResourceName": resource,
        }
        found = await analyses(ask, scope, selectors)
        grants = rows(found)
        names = sorted({one["member"] for one in grants})
        access = {"permission": permission, "fullResourceName": resource}
        states = {}
        for name in [one for one in names if one.startswith(_ONE)][:CONFIRMED_MAX]:
            answer = await troubleshoot(ask, access | {"principal": name})
            states[name] = answer["overallAccessState"]
        return {
            "permission": permission,
            "resource": resource,
            "grants": [one | {"access": states.get(one["member"], "SET")} for one in grants],
            "incomplete": incomplete(found),
        }

    answer = asking.ask(context, data, key, question)
    if as_json:
        options.show_json(answer)
        return
    for line in _lines(answer):
        click.echo(line)


def _lines(answer: dict[str, Any]) -> list[str]:
    what = f"{answer['permission']} on {right_texts.resource(answer['resource'])}"
    by_member: dict[str, list[dict[str, Any]]] = {}
    for one in answer["grants"]:
        by_member.setdefault(one["member"], []).append(one)
    can = {
        name: found for name, found in by_member.items() if found[0]["access"] != "CANNOT_ACCESS"
    }
    lines = [f"Who may use {what}:" if can else f"Nobody may use {what}."]
    for name, found in can.items():
        lines.append(f"  {right_texts.member(name)}{_doubt(found[0]['access'])}")
        lines += [f"    {_grant(one)}" for one in found]
    refused = [name for name in by_member if name not in can]
    if refused:
        lines.append("Granted to them, but refused by another rule (ask `rempart why`):")
        lines += [f"  {right_texts.member(name)}" for name in refused]
    return lines + [f"Note: {one}" for one in answer["incomplete"]]


def _doubt(access: str) -> str:
    return {"UNKNOWN_INFO": " (not all that decides it can be seen)"}.get(access, "")


def _grant(one: dict[str, Any]) -> str:
    condition = f", if {one['condition']}" if "condition" in one else ""
    return f"by the role {one['role']} on {right_texts.resource(one['resource'])}{condition}"
