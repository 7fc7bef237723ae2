"""`rempart ekm trust`: whose tokens are listened to."""

from __future__ import annotations

from pathlib import Path

import click

from rempart.ekm.cli import options


@click.group("trust")
def command() -> None:
    """Say whose callers are listened to."""


@command.command("add")
@click.argument("issuer", metavar="https://ISSUER")
@click.option("--mail-domain", multiple=True, required=True, help="Of service-NUMBER@DOMAIN.")
@click.option("--keys-file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--keys-url", default="", metavar="URL", help="Where its JWK set is fetched.")
@click.option("--authority", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--audience", multiple=True, help="In place of this manager's address.")
@options.data_option
@options.json_option
def _add(  # noqa: PLR0913 - each is one option
    *,
    issuer: str,
    mail_domain: tuple[str, ...],
    keys_file: Path | None,
    keys_url: str,
    authority: Path | None,
    audience: tuple[str, ...],
    data: Path,
    as_json: bool,
) -> None:
    """Trust an issuer's tokens, by the keys of a JWK set that is given or fetched."""
    answer = options.perform(
        data,
        "trust.add",
        {
            "issuer": issuer,
            "mail_domains": list(mail_domain),
            "audiences": list(audience),
            "keys": keys_file.read_text() if keys_file else "",
            "keys_url": keys_url,
            "authority": authority.read_text() if authority else "",
        },
    )
    if as_json:
        options.show_json(answer)
    else:
        click.echo(f"Service agents that {issuer} vouches for are listened to from now on.")


@command.command("remove")
@click.argument("issuer", metavar="https://ISSUER")
@options.data_option
@options.json_option
def _remove(*, issuer: str, data: Path, as_json: bool) -> None:
    """Trust an issuer no more, at once."""
    answer = options.perform(data, "trust.remove", {"issuer": issuer})
    if as_json:
        options.show_json(answer)
    else:
        click.echo(f"Tokens of {issuer} are refused from now on.")


@command.command("list")
@options.data_option
@options.json_option
def _list(*, data: Path, as_json: bool) -> None:
    """List the trusted issuers."""
    answer = options.perform(data, "trust.list", {})
    if as_json:
        options.show_json(answer)
        return
    issuers = answer["issuers"]
    for issuer in issuers if isinstance(issuers, list) else []:
        click.echo(f"{issuer['issuer']}  {', '.join(issuer['mailDomains'])}  {issuer['keys']}")
