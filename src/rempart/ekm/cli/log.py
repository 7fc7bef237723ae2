"""`rempart ekm log`: read, verify and prove the log, offline, without the passphrase."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click

from rempart.core.clock import Micros, rfc3339
from rempart.core.signing import statement
from rempart.ekm.cli import log_tree, options
from rempart.ekm.opened import LOG
from rempart.ekm.record.chain import Head, Line
from rempart.ekm.record.segments import LogBroken, walk
from rempart.ekm.tree.checked import tree_check


@click.command("log")
@click.option("--verify", is_flag=True, help="Say only whether log, tree and checkpoint hold.")
@click.option("--known", metavar="INDEX:HASH", help="An entry that was noted before; it must hold.")
@click.option("--key", is_flag=True, help="Print the verifier key, for witnesses and auditors.")
@click.option("--checkpoint", is_flag=True, help="Print the published checkpoint.")
@click.option("--prove", type=click.IntRange(0), metavar="INDEX", help="Print an entry's proof.")
@click.option("--closed", is_flag=True, help="With --prove: do not show what the entry says.")
@click.option("--check", type=log_tree.FILE, metavar="FILE", help="Check a proof by --policy.")
@click.option("--policy", type=log_tree.FILE, metavar="FILE", help="Whose cosignatures are wanted.")
@options.data_option
@options.json_option
def command(  # noqa: PLR0913 - each is one option
    *,
    verify: bool,
    known: str | None,
    key: bool,
    checkpoint: bool,
    prove: int | None,
    closed: bool,
    check: Path | None,
    policy: Path | None,
    data: Path,
    as_json: bool,
) -> None:
    """Show the log's entries, each verified against the one before."""
    if key:
        log_tree.show_key(data)
    elif checkpoint:
        log_tree.show_checkpoint(data)
    elif prove is not None:
        log_tree.prove(data, prove, closed=closed)
    elif check is not None:
        log_tree.check(check, policy, as_json=as_json)
    elif verify:
        _verify(data, known, policy, as_json=as_json)
    else:
        _walk(data, known, lambda line: _show(line.content, as_json=as_json))


def _verify(data: Path, known: str | None, policy: Path | None, *, as_json: bool) -> None:
    try:
        tree = tree_check(data, policy)
        head = _walk(data, known, tree.take if tree else lambda _: None)
        if tree is not None:
            tree.finish(head.count)
    except LogBroken as problem:
        options.refuse(f"The log does not verify: {problem}")
    told: dict[str, object] = {"verified": True, "entries": head.count, "head": head.hash.hex()}
    if tree is not None:
        told["log"], told["signed"] = tree.key.name, tree.size
        told["published"], told["cosignatures"] = tree.published, tree.cosignatures
    if as_json:
        options.show_json(told)
        return
    click.echo(f"The log verifies: {head.count} entries, head {head.count - 1}:{head.hash.hex()}")
    if tree is not None:
        by = f", which {tree.cosignatures} witnesses cosigned" if tree.cosignatures else ""
        click.echo(f"{tree.key.name}: {tree.published} entries under the checkpoint{by}.")


def _walk(data: Path, known: str | None, take: Callable[[Line], None]) -> Head:
    """Verify the chain line by line; return where it ends."""
    index, wanted = _known(known)
    head, seen = Head(hash=b""), index is None
    try:
        for line in walk(data / LOG):
            head = Head(line.index + 1, line.hash)
            seen = seen or (line.index == index and line.hash.hex() == wanted)
            take(line)
    except LogBroken as problem:
        options.refuse(f"The log does not verify: {problem}")
    if not seen:
        options.refuse(f"The log does not verify: entry {index} is not {wanted}.")
    return head


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
