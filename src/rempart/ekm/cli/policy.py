"""`rempart ekm policy`: check a policy file, explain it, and run it over the past."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click
import msgspec

from rempart.core.clock import Micros, rfc3339, system_clock
from rempart.core.document import Document, moment
from rempart.core.errors import CloudError, Code
from rempart.ekm.administration import history
from rempart.ekm.administration.state import State
from rempart.ekm.cli import options
from rempart.ekm.model.key_use import KeyUse
from rempart.ekm.opened import LOG
from rempart.ekm.policy.explain import Change, Explanation, changes, explain
from rempart.ekm.policy.file import parse
from rempart.ekm.policy.reader import PolicyProblem
from rempart.ekm.policy.rule import Policy
from rempart.ekm.policy.warnings import warnings
from rempart.ekm.record.entry import past_uses
from rempart.ekm.record.segments import LogBroken

_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_log = click.option(
    "--log",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="A copy of a log, in place of the data directory's.",
)


@click.group("policy")
def command() -> None:
    """Check, explain and try policies. Officers adopt one: rempart ekm propose policy."""


@command.command("check")
@_file
@options.json_option
def _check(*, file: Path, as_json: bool) -> None:
    """Say whether a policy could be adopted, and what to think about before."""
    policy = _read(file)
    found = list(warnings(policy))
    if as_json:
        options.show_json({"rules": len(policy.rules), "warnings": found})
        return
    for warning in found:
        click.echo(f"Warning: {warning}.")
    click.echo(f"{file} is a policy of {len(policy.rules)} rules.")


@command.command("explain")
@_file
@click.option("--request", type=click.File(), help="A JSON object; the options below go before it.")
@click.option("--verb", help="[default: unwrap]")
@click.option("--key")
@click.option("--issuer")
@click.option("--project")
@click.option("--reason", help="Left out, the request gives none.")
@click.option("--principal")
@click.option("--operation")
@click.option("--target")
@click.option("--health-check", is_flag=True, default=None)
@click.option("--time", metavar="RFC3339", help="[default: now]")
@_log
@options.data_option
@options.json_option
def _explain(
    *,
    file: Path,
    request: TextIO | None,
    log: Path | None,
    data: Path,
    as_json: bool,
    **given: object,
) -> None:
    """Say which rule decides about a request, and why each other does not.

    Approvals that come along count where the log says who the approvers are.
    """
    state = _told(log or data / LOG)
    approvers = () if state is None else state.approvers
    found = explain(_read(file), approvers, _use(request, given))
    if as_json:
        options.show_json(_plain(found))
        return
    for line in _explained(found):
        click.echo(options.printable(line))


@command.command("dry-run")
@_file
@_log
@options.data_option
@options.json_option
def _dry_run(*, file: Path, log: Path | None, data: Path, as_json: bool) -> None:
    """Say which past answers a policy would have changed; exit code 1 where there are any."""
    policy, directory = _read(file), log or data / LOG
    state = _told(directory)
    approvers = () if state is None else state.approvers
    found = list(changes(policy, approvers, past_uses(directory)))
    if as_json:
        options.show_json({"changes": [_plain(change) for change in found]})
    else:
        for change in found:
            click.echo(options.printable(_changed(change)))
        click.echo(f"{len(found)} past answers would change.")
    raise SystemExit(1 if found else 0)


@command.command("show")
@_log
@options.data_option
def _show(*, log: Path | None, data: Path) -> None:
    """Print the policy in force, as officers adopted it."""
    state = _told(log or data / LOG)
    if state is None or not state.policy.text:
        options.refuse("No policy was adopted, so everything is refused.")
    click.echo(state.policy.text, nl=False)


def _read(file: Path) -> Policy:
    try:
        return parse(file.read_bytes().decode())
    except PolicyProblem as problem:
        options.refuse(f"{file}: {problem}")
    except (OSError, UnicodeDecodeError) as problem:
        options.refuse(f"{file} cannot be read: {problem}")


def _told(directory: Path) -> State | None:
    try:
        return history.told(directory)
    except LogBroken as problem:
        options.refuse(f"The log does not verify: {problem}")


def _use(source: TextIO | None, given: dict[str, object]) -> KeyUse:
    blank = {"verb": "unwrap", "key": "", "issuer": "", "caller": "", "project": ""}
    try:
        stated = (
            {} if source is None else msgspec.json.decode(source.read(), type=dict[str, object])
        )
        merged: Document = blank | stated | {k: v for k, v in given.items() if v is not None}
        now = system_clock() if "time" not in merged else moment(merged, "time")
        return msgspec.convert({**merged, "time": now}, KeyUse)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        options.refuse(f"This is no request: {problem}")
    except CloudError as problem:
        options.refuse(problem.message)


def _explained(found: Explanation) -> Iterator[str]:
    verdict = found.verdict
    yield f"{'allowed' if verdict.allowed else 'refused'} by {verdict.rule}"
    if verdict.message:
        yield f"  {verdict.message}"
    for opinion in found.opinions:
        yield f'rule "{opinion.rule}": {"decides" if opinion.decides else "does not decide"}'
        for mismatch in opinion.against:
            yield f"  {mismatch.member}: {mismatch.because}"


def _changed(change: Change) -> str:
    use, verdict = change.use, change.verdict
    was, would = ("allowed", "refused") if change.was_allowed else ("refused", "allowed")
    when, why = rfc3339(Micros(use.time)), verdict.message or verdict.rule
    return f"{when}  {use.verb} {use.key}  {use.principal}: was {was}, would be {would} ({why})"


def _plain(value: Explanation | Change) -> dict[str, object]:
    plain: dict[str, object] = json.loads(_encoder.encode(value))
    return plain


def _code(value: object) -> str:
    return value.name if isinstance(value, Code) else str(value)


_encoder = msgspec.json.Encoder(enc_hook=_code)
