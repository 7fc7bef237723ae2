"""`rempart why`: whether somebody may do something, and by which rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from rempart.cli import asking, options, right_texts
from rempart.universe import Ask, Question


def _shown(_context: click.Context, _option: click.Parameter, certificate: Path | None) -> str:
    """Return the certificate in a file (PEM), and nothing else: a key may lie beside it."""
    if certificate is None:
        return ""
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError) as problem:
        raise click.BadParameter("It is no certificate in PEM.") from problem
    return found.public_bytes(Encoding.PEM).decode()


@click.command("why")
@options.data_option
@options.json_option
@asking.key_option
@click.option("--from", "remote", metavar="ADDRESS", help="The address that the call comes from.")
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="A header of the call, such as a proxy adds; may be given again.",
)
@click.option(
    "--certificate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    callback=_shown,
    metavar="FILE",
    help="The certificate (PEM) that the device of the call shows.",
)
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
    remote: str | None,
    headers: tuple[str, ...],
    **of: str,
) -> None:
    """Say whether MEMBER may use PERMISSION on RESOURCE, and why; exit code 0 if so, 1 if not.

    What depends on where a call comes from (perimeters, sovereignty rules) is known with --from,
    what depends on its device with --certificate.

    MEMBER is an email or such as serviceAccount:EMAIL; RESOURCE is gs://BUCKET/OBJECT, projects/ID,
    or a full name. The universe may run or be stopped.
    """

    async def question(ask: Ask) -> dict[str, Any]:
        access = {"principal": of["member"], "permission": of["permission"]}
        return await troubleshoot(
            ask,
            access | {"fullResourceName": of["resource"]},
            {
                "source": {"ip": remote or "", "certificate": of["certificate"]},
                "request": {"headers": _headers(headers)},
            },
        )

    answer = asking.ask(context, data, key, question)
    if as_json:
        options.show_json(answer)
    else:
        for line in right_texts.why(answer):
            click.echo(line)
    raise SystemExit(0 if answer["overallAccessState"] == "CAN_ACCESS" else 1)


async def troubleshoot(
    ask: Ask, access: dict[str, Any], context: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return Policy Troubleshooter's answer."""
    document = {"accessTuple": access | {"conditionContext": context or {}}}
    return await ask(
        Question("policytroubleshooter", "POST", "v3/iam:troubleshoot", document=document)
    )


def _headers(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for one in given:
        name, colon, value = one.partition(":")
        if not colon or not name.strip():
            raise click.BadParameter("It is 'NAME: VALUE'.", param_hint="--header")
        found[name.strip()] = value.strip()
    return found
