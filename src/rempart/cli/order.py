"""`rempart order`: the register of orders of authorities, and what a customer is told of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rempart.cli import options, order_file, reaching, told_orders
from rempart.cli.reaching import Universe
from rempart.ekm.cli.options import printable
from rempart.services.foreignrequests.model.laws import LAWS
from rempart.services.foreignrequests.model.order import Outcome
from rempart.tlog.errors import Malformed
from rempart.tlog.policy import parse_policy

_API = "foreignrequests/v1"
_ORDERS = f"{_API}/orders"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_id = click.argument("id_", metavar="ID")
Json = dict[str, Any]


@click.group("order")
def command() -> None:
    """Keep the register of orders of authorities; docs/orders.md."""


@command.command("enter")
@reaching.universe_options
@options.json_option
@click.argument("source", type=_FILE, metavar="FILE")
@click.option("--document", type=_FILE, metavar="SCAN", help="The scan; it is hashed here.")
def _enter(*, url: str, key: Path, source: Path, document: Path | None, as_json: bool) -> None:
    """Enter the order that FILE (TOML) describes; nothing else happens by it."""
    content = order_file.read(source, document)
    _tell(Universe(url, key).ask("POST", _ORDERS, content), as_json=as_json)


@command.command("list")
@reaching.universe_options
@options.json_option
def _list(*, url: str, key: Path, as_json: bool) -> None:
    """List orders, newest first."""
    found = list(reaching.pages(Universe(url, key), _ORDERS, "orders"))
    if as_json:
        options.show_json({"orders": found})
        return
    for one in found:
        due = one.get("told") or f"due {one['due']}"
        click.echo(printable(f"{one['id']}  {one['state']}  {one['country']}  {one['law']}  {due}"))


@command.command("show")
@reaching.universe_options
@options.json_option
@_id
def _show(*, url: str, key: Path, id_: str, as_json: bool) -> None:
    """Show an order, and its newest assessment."""
    _tell(Universe(url, key).ask("GET", f"{_ORDERS}/{id_}"), as_json=as_json)


@command.command("assess")
@reaching.universe_options
@options.json_option
@_id
def _assess(*, url: str, key: Path, id_: str, as_json: bool) -> None:
    """Compute what of its scope the operator can hand over, as everything stands now."""
    found = Universe(url, key).ask("POST", f"{_ORDERS}/{id_}:assess")
    if as_json:
        options.show_json(found)
        return
    _findings(found)


@command.command("answer")
@reaching.universe_options
@_id
@click.option("--lang", type=click.Choice(("fr", "en")), default="en", show_default=True)
def _answer(*, url: str, key: Path, id_: str, lang: str) -> None:
    """Print the draft of an answer (Markdown), for counsel to complete."""
    found = Universe(url, key).ask("GET", f"{_ORDERS}/{id_}:answer", query={"language": lang})
    click.echo(found["text"], nl=False)


@command.command("prolong")
@reaching.universe_options
@options.json_option
@_id
@click.option("--provision", required=True, help="By which provision.")
@click.option("--until", default="", metavar="TIME", help="When the silence ends.")
@click.option("--review", default="", metavar="TIME", help="When it ends unless prolonged again.")
def _prolong(*, url: str, key: Path, id_: str, as_json: bool, **said: str) -> None:
    """Put another end to a silence, before its customers are told."""
    content = {name: value for name, value in said.items() if value}
    _tell(Universe(url, key).ask("POST", f"{_ORDERS}/{id_}:prolong", content), as_json=as_json)


@command.command("disclose")
@reaching.universe_options
@options.json_option
@_id
@click.option("--because", required=True, help="Why before the silence is over.")
def _disclose(*, url: str, key: Path, id_: str, because: str, as_json: bool) -> None:
    """Tell the customers now. It cannot be undone."""
    content = {"because": because}
    _tell(Universe(url, key).ask("POST", f"{_ORDERS}/{id_}:disclose", content), as_json=as_json)


@command.command("close")
@reaching.universe_options
@options.json_option
@_id
@click.option("--outcome", type=click.Choice([one.value for one in Outcome]), required=True)
@click.option("--note", required=True, help="How, in a line.")
def _close(*, url: str, key: Path, id_: str, outcome: str, note: str, as_json: bool) -> None:
    """Say how an order ended; the entry stays."""
    content = {"outcome": outcome, "note": note}
    _tell(Universe(url, key).ask("POST", f"{_ORDERS}/{id_}:close", content), as_json=as_json)


@command.command("report")
@reaching.universe_options
@options.json_option
@click.option("--year", type=click.IntRange(1970, 9999), help="Of this year alone.")
def _report(*, url: str, key: Path, year: int | None, as_json: bool) -> None:
    """Print a transparency report (Markdown): counts of the orders that customers were told of."""
    query = {"year": str(year)} if year else {}
    found = Universe(url, key).ask("GET", f"{_API}/report", query=query)
    if as_json:
        options.show_json(found)
        return
    click.echo(f"# Orders of authorities{f', {year}' if year else ''}\n\n{found['orders']} in all.")
    for name, heading in _COUNTS.items():
        click.echo(f"\n| {heading} | Orders |\n|---|---|")
        for value, count in found[name].items():
            click.echo(f"| {value} | {count} |")
    click.echo(f"\n{_NOT_COUNTED}")


@command.command("laws")
def _laws() -> None:
    """List the codes of laws that an order can claim."""
    for law in LAWS.values():
        click.echo(f"{law.code:<25}{law.country or '-':<4}{law.name}; {law.statute or '(say it)'}")


# The customer's side.


@command.command("told")
@reaching.universe_options
@options.json_option
@click.argument("container")
@click.option("--policy", type=_FILE, metavar="FILE", help="Whose signatures the log must have.")
def _told(*, url: str, key: Path, container: str, policy: Path | None, as_json: bool) -> None:
    """Show the orders about CONTAINER (projects/ID …) that are told, each checked in the log."""
    try:
        wanted = parse_policy(policy.read_bytes()) if policy else None
    except Malformed as problem:
        options.refuse(f"{policy} is no policy: {problem}")
    found = told_orders.found(Universe(url, key), container, wanted)
    if as_json:
        options.show_json({"orders": found})
        return
    for one in found:
        for name, value in one.items():
            click.echo(printable(f"{name}: {' '.join(str(value).split())}"))
        click.echo()


_COUNTS = {
    "byYear": "Received in",
    "byCountry": "State of the authority",
    "byLaw": "Law claimed",
    "byKind": "What was asked for",
    "byOutcome": "Outcome",
}
_NOT_COUNTED = (
    "An order is counted once the customers whom it concerns were told. Where an authority claims"
    " silence that is when the silence is over; whether there are such orders is not said."
)


def _tell(found: Json, *, as_json: bool) -> None:
    if as_json:
        options.show_json(found)
        return
    scope = found["scope"]
    names = [*scope.get("resources", []), *scope.get("principals", [])]
    lines = [
        f"{found['id']}  {found['state']}",
        f"  {found['authority']} ({found['country']}), {found['reference']}",
        f"  {found['law']}: {found['statute']}",
        f"  {', '.join(scope['kinds'])} of {', '.join(names)}",
        f"  received {found['received']} by {found['channel']}, entered {found['entered']}",
    ]
    if "gag" in found:
        lines.append(f"  silence claimed by {found['gag']['provision']}")
    end = f"told {found['told']}" if "told" in found else f"to be told {found['due']}"
    lines.append(f"  customers: {', '.join(found.get('customers', [])) or 'none'}; {end}")
    if "closing" in found:
        lines.append(f"  closed: {found['closing']['outcome']}, {found['closing']['note']}")
    for line in lines:
        click.echo(printable(line))
    if "assessment" in found:
        _findings(found["assessment"])


def _findings(found: Json) -> None:
    click.echo(f"  {found['reach']} at {found['time']}" + ("" if found["whole"] else ", in part"))
    for one in found["findings"]:
        name = one.get("resource") or one["asked"]
        under = f" under {one['key']} ({one['state']})" if "key" in one else ""
        counted = f"{one['objects']} objects, {one['bytes']} bytes"
        click.echo(printable(f"    {name}: {one['content']}, {one['why']}{under}; {counted}"))
