"""`rempart witness status`: what it knows, and what it cosigned last."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path

import click

from rempart import durable
from rempart.witness import history, keys, logs, settings
from rempart.witness.cli import options
from rempart.witness.record import Record


@click.command("status")
@options.data_option
@options.json_option
def command(*, data: Path, as_json: bool) -> None:
    """Show each log's latest size; exits with 1 where one forked, or came back smaller.

    A log that `remove-log` was said of is no longer told of here: somebody has seen it.
    """
    with options.refusing():
        chosen = settings.load(data)
        known = logs.load(data)
        record = Record.open(data, keys.public(data))
        kinds = Counter((line.origin, line.kind) for line in history.read(data))
        smaller = history.standing(history.read(data), _sizes(known, record))
    forked = [origin for origin in sorted(known.origins) if kinds[origin, history.FORK]]
    shown = [_log(origin, record, kinds) for origin in known.origins]
    if as_json:
        options.show_json(
            {
                "name": chosen.name,
                "running": _running(data),
                "logs": shown,
                "forked": forked,
                "smaller": [
                    {"origin": it.origin, "size": it.size, "after": it.after, "seconds": it.seconds}
                    for it in smaller
                ],
            }
        )
    else:
        click.echo(f"Witness {chosen.name}, {'running' if _running(data) else 'not running'}.")
        for log in shown:
            click.echo(_line(log))
        for origin in forked:
            click.echo(f"FORKED: {options.printable(origin)}. See: rempart witness log --forks")
        for line in smaller:
            click.echo(_came_back(line))
    if forked or smaller:
        raise SystemExit(1)


def _sizes(known: logs.Logs, record: Record) -> dict[str, int]:
    latest = (record.latest(origin) for origin in known.origins)
    return {it.checkpoint.origin: it.checkpoint.size for it in latest if it}


def _came_back(line: history.Line) -> str:
    origin = options.printable(line.origin)
    when = dt.datetime.fromtimestamp(line.seconds, dt.UTC).isoformat()
    return (
        f"CAME BACK SMALLER: {origin} showed size {line.size} at {when}, after {line.after} was"
        " cosigned, and has not grown since. Its store was put back, or somebody sent an old"
        f" checkpoint again: ask its operator. See: rempart witness log --origin {origin}"
    )


def _log(origin: str, record: Record, kinds: Counter[tuple[str, str]]) -> dict[str, object]:
    latest = record.latest(origin)
    return {
        "origin": origin,
        "size": latest.checkpoint.size if latest else None,
        "root": latest.checkpoint.root.hex() if latest else None,
        "seconds": latest.seconds if latest else None,
        "refused": kinds[origin, history.REFUSED] + kinds[origin, history.FORK],
    }


def _line(log: dict[str, object]) -> str:
    origin = options.printable(str(log["origin"]))
    seconds = log["seconds"]
    if not isinstance(seconds, int):
        return f"  {origin}: nothing cosigned yet"
    when = dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()
    return f"  {origin}: size {log['size']} at {when}, {log['refused']} refused"


def _running(data: Path) -> bool:
    try:
        with durable.hold(data):
            return False
    except durable.InUse:
        return True
