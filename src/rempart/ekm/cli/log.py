"""`rempart ekm log`: read and verify the log, offline, without the passphrase."""

from __future__ import annotations

import json
from pathlib import Path

import click

from rempart.core.clock import Micros, rfc3339
from rempart.core.signing import statement
from rempart.ekm.cli import options
from rempart.ekm.opened import LOG
from rempart.ekm.record.segments import LogBroken, walk


@click.command("log")
@click.option("--verify", is_flag=True, help="Say only whether the chain holds, and its head.")
@click.option("--known", metavar="INDEX:HASH", help="An entry that was noted before; it must hold.")
@options.data_option
@options.json_option
def command(*, verify: bool, known: str | None, data: Path, as_json: bool) -> None:
    """Show the log's entries, each verified against the one before."""
    index, wanted = _known(known)
    count, last, seen = 0, "", index is None
    try:
        for line in walk(data / LOG):
            count, last = line.index + 1, line.hash.hex()
            seen = seen or (line.index == index and last == wanted)
            if not verify:
                _show(line.content, as_json=as_json)
    except LogBroken as problem:
        options.refuse(f"The log does not verify: {problem}")
    if not seen:
        options.refuse(f"The log does not verify: entry {index} is not {wanted}.")
    if verify and as_json:
        options.show_json({"verified": True, "entries": count, "head": last})
    elif verify:
        click.echo(f"The log verifies: {count} entries, head {count - 1}:{last}")


def _known(text: str | None) -> tuple[int | None, str]:
    if text is None:
        return None, ""
    index, _, wanted = text.partition(":")
    if not index.isdecimal():
        options.refuse("--known is INDEX:HASH, as --verify prints it.")
    return int(index), wanted


def _show(content: bytes, *, as_json: bool) -> None:
    if as_json:
        click.echo(content.decode())
        return
    entry = json.loads(content)
    detail = entry.get("detail", {})
    if "statement" in detail:
        detail["statement"] = _signed(detail["statement"])
    when = rfc3339(Micros(entry.pop("time")))
    told = "  ".join(f"{name}={value}" for name, value in entry.items())
    click.echo(f"{when}  {options.printable(told)}")


def _signed(token: str) -> str:
    """Return what a signed statement says; the signature is verified when the manager starts."""
    try:
        payload = statement.payload_of(
            token, statement.kind_of(token, chars_max=len(token)), chars_max=len(token)
        )
    except statement.Refused:
        return token
    return payload.decode(errors="backslashreplace")
