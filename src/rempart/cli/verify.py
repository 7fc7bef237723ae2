"""`rempart verify`: whether a data directory, or a proof bundle, is what the record says."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from rempart import durable
from rempart.cli import instance, options, quorum, verifier_program
from rempart.engine.seam import EngineError
from rempart.tlog.errors import Malformed
from rempart.trust.custody.keyring import Keyring, RootKeyProblem
from rempart.trust.custody.sealing import files
from rempart.trust.custody.sealing.document import SealProblem
from rempart.universe import Check, VerifyReport
from rempart.verifier import NEEDED
from rempart.verifier.checks import Asked
from rempart.verifier.command import SAID, run
from rempart.verifier.findings import HOLDS, UNDECIDED, WRONG
from rempart.verifier.options import Options, bundle_options


@click.command("verify")
@click.argument("bundles", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.data_option
@options.requests_option
@bundle_options
@click.option(
    "--export",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Check nothing: write the verifier of bundles as one file, for who has no Rempart.",
)
@options.json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    bundles: tuple[Path, ...],
    data: Path,
    requests: Path | None,
    export: Path | None,
    *,
    as_json: bool,
    **of: Any,  # noqa: ANN401 - as typed
) -> None:
    """Walk the log and the keys, or check proof BUNDLES.

    Bundles are checked offline, by whom you trust: --policy or --key. Several must show one log.
    The exit code is 0 where everything checks, 1 where something is wrong, 2 where something cannot
    be told. Without a bundle, the data directory is checked. Where the universe is sealed, it asks
    for shares; the root stays in this process.
    """
    typed = Options(**of)
    if export is not None:
        if bundles or typed != Options():
            raise click.UsageError("The verifier is exported by itself: say --export FILE alone.")
        _export(export, as_json=as_json)
        return
    if bundles:
        raise SystemExit(run(bundles, typed, as_json=as_json))
    if typed.trusting or typed.reporting:
        raise click.UsageError("Policies, keys and reports go with a BUNDLE; none is named.")
    try:
        held = typed.asked()
    except (Malformed, OSError) as problem:
        raise click.UsageError(str(problem)) from None
    _whole(context, data, requests, held, as_json=as_json)


def _export(path: Path, *, as_json: bool) -> None:
    content = verifier_program.program()
    try:
        with path.open("xb") as file:
            file.write(content)
    except OSError as problem:
        options.refuse(f"{path}: {problem.strerror}.")
    digest = hashlib.sha256(content).hexdigest()
    if as_json:
        options.show_json({"file": str(path), "sha256": digest, "needs": list(NEEDED)})
        return
    click.echo(f"{digest}  {path}")
    click.echo(f"It needs Python 3.11 and {', '.join(NEEDED)}.", err=True)


def _whole(
    context: click.Context, data: Path, requests: Path | None, held: Asked, *, as_json: bool
) -> None:
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
                report = asyncio.run(operations.verify(data, config, keyring, held))
    except durable.InUse:
        options.refuse_in_use(data, "Nothing was verified: stop it first.")
    except (RootKeyProblem, SealProblem, EngineError) as problem:
        options.refuse(f"Nothing was verified: {problem}")
    code = HOLDS if report.decided else UNDECIDED
    code = code if report.ok else WRONG
    _show(report, code, as_json=as_json)
    raise SystemExit(code)


def _show(report: VerifyReport, code: int, *, as_json: bool) -> None:
    if as_json:
        shown = {"ok": code == HOLDS, "exitCode": code, "verdict": SAID[code]}
        told = dataclasses.asdict(report)
        for one in told["checks"]:
            one["ok"] = one["ok"] and not one["undecided"]
        options.show_json(shown | told)
        return
    for line in (*_lines(report.checks), SAID[code], *report.notes):
        click.echo(line)


def _lines(checks: Iterable[Check]) -> Iterator[str]:
    for check in checks:
        if not check.ok or not check.undecided:
            yield f"{'ok ' if check.ok else 'BAD'} {check.name:<16} {check.detail}"
        yield from (f"??  {check.name:<16} {why}" for why in check.undecided)


@contextlib.contextmanager
def _progress(what: str) -> Iterator[None]:
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415 - costs start-up time, and only on a terminal

    with Console(stderr=True).status(f"{what} …"):
        yield
