"""`rempart review`: the lists that an operator looks through each quarter and each year."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import click

from rempart.cli import asking, options
from rempart.universe import Ask, Question

_TITLES = {
    "technicalAccounts": "Technical accounts, and who may act as them (9.4.c)",
    "keys": "Their keys",
    "basicRoles": "Basic roles, which carry more than one duty",
    "everyone": "Rights of everybody",
    "unused": "Grants that nobody used for ninety days",
    "incompatible": "Rights that must not meet in one hand, and do (9.3.f)",
    "rights": "All rights, by resource (9.3.d, 9.4.b)",
}
_COLUMNS = (
    *("list", "resource", "account", "member", "role", "condition", "permissions"),
    *("key", "created", "ageDays", "usable", "expires", "disabled", "rule", "reason"),
)
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


@click.command("review")
@options.data_option
@options.json_option
@asking.key_option
@asking.scope_option
@click.option("--quarterly/--yearly", default=True, help="Yearly adds the list of all rights.")
@click.option("--csv", "as_csv", is_flag=True, help="Answer in CSV, a line for each finding.")
@click.pass_context
def command(  # noqa: PLR0913 - each is one option
    context: click.Context,
    data: Path,
    key: Path | None,
    scope: str | None,
    *,
    quarterly: bool,
    as_csv: bool,
    as_json: bool,
) -> None:
    """List rights for review, as SecNumCloud 9.3 and 9.4 want them.

    The lists end with their digest, which the universe signs, and with the log's length and head
    when they were made (docs/spec/review.md). The universe may run or be stopped.
    """
    period = "QUARTERLY" if quarterly else "YEARLY"

    async def question(ask: Ask) -> list[dict[str, Any]]:
        scopes = [scope] if scope else await asking.organizations(ask)
        return [
            await ask(Question("cloudasset", "GET", f"v1/{one}:reviewRights", {"period": period}))
            for one in scopes
        ]

    reviews = asking.ask(context, data, key, question)
    if as_json:
        options.show_json({"reviews": reviews})
        return
    for review in reviews:
        click.echo(_csv(review) if as_csv else "\n".join(_lines(review)))


def _lines(review: dict[str, Any]) -> list[str]:
    lines = [f"Review of rights, {review['review']}, of {', '.join(review['scopes'])}"]
    lines += [f"Made {review['time']}", ""]
    for name, title in _TITLES.items():
        if name in review:
            found = review[name]
            lines += [f"{title}: {len(found) or 'none'}"]
            lines += [f"  {_told(one)}" for one in found] + [""]
    if not review["unusedKnown"]:
        lines.append("Which grants are unused is not known yet: uses are recorded for ninety days.")
    if not review["complete"]:
        lines.append("NOT COMPLETE: there are more policies than one review reads.")
    log = review["log"]
    lines.append(f"Log {log['feed']}: {log['entries']} entries, head {log['head']}")
    return [*lines, f"Digest {review['digest']}", f"Certificate {review['certificate']}"]


def _told(row: dict[str, Any]) -> str:
    """Return a row as words; what it holds of others comes below it."""
    own = [f"{name} {value}" for name, value in row.items() if not isinstance(value, list)]
    lines = ["; ".join(own)]
    lines += [f"    {_told(one)}" for one in row.get("actedAsBy", [])]
    if "permissions" in row:
        lines[0] += f"; may {', '.join(row['permissions'])}"
    return "\n  ".join(lines)


def _csv(review: dict[str, Any]) -> str:
    """Return the findings as CSV; a cell that a spreadsheet would run begins with a quote."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for name in _TITLES:
        for row in review.get(name, []):
            writer.writerow(_cells({"list": name} | row))
            for one in row.get("actedAsBy", []):
                writer.writerow(_cells({"list": "actedAsBy", "account": row["account"]} | one))
    log = review["log"]
    writer.writerow(
        {
            "list": "digest",
            "resource": review["digest"],
            "account": log["head"],
            "role": log["entries"],
        }
    )
    writer.writerow({"list": "certificate", "resource": review["certificate"]})
    return text.getvalue().rstrip("\n")


def _cells(row: dict[str, Any]) -> dict[str, str]:
    made = {}
    for name, value in row.items():
        cell = " ".join(map(str, value)) if isinstance(value, list) else str(value)
        made[name] = f"'{cell}" if cell.startswith(_DANGEROUS) else cell
    return made
