"""`rempart coverage`: methods answered for real, of those that Google describes."""

from __future__ import annotations

import click

from rempart.cli import options
from rempart.universe import ServiceCoverage


@click.command("coverage")
@options.json_option
@click.option("--all", "every", is_flag=True, help="Services with no method answered, too.")
@click.pass_context
def command(context: click.Context, *, as_json: bool, every: bool) -> None:
    """Print, per service, methods answered and methods described."""
    rows = [
        row for row in options.operations(context).coverage() if every or as_json or row.answered
    ]
    if as_json:
        options.show_json({"services": [_member(row) for row in rows]})
        return
    width = max((len(row.service) for row in rows), default=0)
    for row in rows:
        share = row.answered / row.described if row.described else 0
        click.echo(
            f"{row.service:<{width}}  {row.answered:>5} of {row.described:>5}  {share:>4.0%}"
        )


def _member(row: ServiceCoverage) -> dict[str, object]:
    return {"service": row.service, "answered": row.answered, "described": row.described}
