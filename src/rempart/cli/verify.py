"""`rempart verify`: whether everything in a data directory is what the record says."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from rempart import durable
from rempart.cli import instance, options, quorum
from rempart.engine.seam import EngineError
from rempart.trust.custody.keyring import Keyring, RootKeyProblem
from rempart.trust.custody.sealing import files
from rempart.trust.custody.sealing.document import SealProblem


@click.command("verify")
@options.data_option
@options.requests_option
@options.json_option
@click.pass_context
def command(context: click.Context, data: Path, requests: Path | None, *, as_json: bool) -> None:
    """Walk the log and the keys; exit code 0 only where everything checks.

    Where the universe is sealed, it asks for shares; the root stays in this process.
    """
    config = options.existing(data)
    operations = options.operations(context)
    try:
        with instance.hold(data):
            keyring = Keyring(
                quorum.root_of(
                    data, files.find(data), requests, options.elsewhere(context, data, config)
                )
            )
            with _progress("Verifying"):
                report = asyncio.run(operations.verify(data, config, keyring))
    except durable.InUse:
        options.refuse_in_use(data, "Nothing was verified: stop it first.")
    except (RootKeyProblem, SealProblem, EngineError) as problem:
        options.refuse(f"Nothing was verified: {problem}")
    if as_json:
        checks = [dataclasses.asdict(check) for check in report.checks]
        options.show_json({"ok": report.ok, "checks": checks})
    else:
        for check in report.checks:
            click.echo(f"{'ok ' if check.ok else 'BAD'} {check.name:<16} {check.detail}")
        click.echo("Everything checks." if report.ok else "Not everything checks.")
    raise SystemExit(0 if report.ok else 1)


@contextlib.contextmanager
def _progress(what: str) -> Iterator[None]:
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415 - costs start-up time, and only on a terminal

    with Console(stderr=True).status(f"{what} …"):
        yield
