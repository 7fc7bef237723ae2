"""`rempart bootstrap`: a way in for somebody's first sign-in, and the list of all there ever were.

The server makes the token and keeps the record; this asks it, as the administrator.
"""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path

import click

from rempart.cli import client_files, instance, options
from rempart.cli.token import signed
from rempart.trust.custody import pki

SECONDS_MAX = 30.0
ROLE = "roles/resourcemanager.organizationAdmin"
_OK = 200


@click.group("bootstrap")
def command() -> None:
    """Let somebody in for the first time; see everybody who was."""


@command.command("create")
@options.data_option
@click.option("--role", default=ROLE, show_default=True, help="Of the organization, for a time.")
@click.option("--minutes", type=click.IntRange(1, 24 * 60), default=15, show_default=True)
@options.json_option
def create(data: Path, role: str, minutes: int, *, as_json: bool) -> None:
    """Make a token that lets one person sign in once, within minutes."""
    made = _asked(data, "POST", {"role": role, "lifetime": f"{minutes * 60}s"})
    if as_json:
        options.show_json(made)
        return
    click.echo(f"Token:    {made['token']}")
    click.echo(f"Use it:   {made['signInUri']}  (provider {made['provider']})")
    click.echo(f"Until:    {made['expireTime']}, once, as {made['role']}")
    click.echo("It is shown here and never again. Its use stays on record: rempart bootstrap list")


@command.command("list")
@options.data_option
@options.json_option
def list_(data: Path, *, as_json: bool) -> None:
    """List every way in there ever was: who made it, whether, when and from where it was used."""
    found = _asked(data, "GET", None).get("bootstraps", [])
    if as_json:
        options.show_json({"bootstraps": found})
        return
    for one in found if isinstance(found, list) else []:
        used = f"used {one['useTime']} from {one['usedFrom']}" if "useTime" in one else "used -"
        if "serviceAccountKey" in one:  # its uses are not kept: "never" would be untrue
            used = f"key {one['serviceAccountKey']}"
        click.echo(f"{one['createTime']}  {one['state']:<9} {one['role']}  {used}")
        click.echo(f"    {one['member']}, made by {one['creator']}")


def _asked(data: Path, verb: str, body: dict[str, object] | None) -> dict[str, object]:
    """Return the server's answer to the one question there is, to the administrator."""
    options.existing(data)
    running = instance.running(data)
    if running is None:
        options.refuse(f"No universe runs on {data}: start it with `rempart up --data {data}`.")
    trust = ssl.create_default_context(cafile=str(pki.files(data).authority))
    connection = http.client.HTTPSConnection(
        "localhost", running.listen.port, timeout=SECONDS_MAX, context=trust
    )
    headers = {
        "Authorization": f"Bearer {signed(data / client_files.KEY_NAME)}",
        "Content-Type": "application/json",
    }
    try:
        content = None if body is None else json.dumps(body)
        connection.request(verb, "/iam/v1/organizations/-/bootstraps", content, headers)
        answer = connection.getresponse()
        document: dict[str, object] = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as problem:
        options.refuse(f"The universe on {data} does not answer: {problem}")
    finally:
        connection.close()
    if answer.status != _OK:
        error = document.get("error")
        options.refuse(str(error.get("message") if isinstance(error, dict) else error))
    return document
