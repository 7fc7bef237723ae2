"""The verifier's command: `rempart verify BUNDLE`, and `python -m rempart.verifier BUNDLE`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from rempart.tlog.errors import Malformed
from rempart.tlog.keys import parse_verifier_key
from rempart.tlog.note import NOTE_BYTES_MAX, Note, parse_note
from rempart.tlog.policy import POLICY_BYTES_MAX, Log, Policy, parse_policy, quorum_of
from rempart.verifier.bundle import Bundle, open_bundle, size_of
from rempart.verifier.checks import Asked, check_pair, verify
from rempart.verifier.findings import Check, Findings
from rempart.verifier.receipts import RECEIPTS_BYTES_MAX, Receipt, parse_receipts
from rempart.verifier.report import Touched, Wanted, report, shown, time_asked

Decorated = TypeVar("Decorated", bound=Callable[..., object])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

_OPTIONS = (
    click.option("--policy", type=_FILE, help="Whom you trust (C2SP tlog-policy)."),
    click.option("--key", metavar="VKEY", help="The log's key, trusted without witnesses."),
    click.option(
        "--since",
        type=_FILE,
        multiple=True,
        metavar="CHECKPOINT",
        help="An earlier checkpoint of the log, which it must continue.",
    ),
    click.option("--receipts", type=_FILE, help="Receipts that must be in the log, one a line."),
    click.option("--report", is_flag=True, help="Tell who touched what, and why."),
    click.option("--resource", default="", help="Report: this resource, and all below it."),
    click.option("--from", "start", metavar="TIME", help="Report: from this date or time on."),
    click.option("--to", metavar="TIME", help="Report: up to this time, or the end of this date."),
)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed beside the bundles."""

    policy: Path | None = None
    key: str | None = None
    since: tuple[Path, ...] = ()
    receipts: Path | None = None
    report: bool = False
    resource: str = ""
    start: str | None = None
    to: str | None = None

    def wanted(self) -> Wanted:
        """Return what a report is to tell of; raises `Malformed`."""
        start = None if self.start is None else time_asked(self.start)
        end = None if self.to is None else time_asked(self.to, end=True)
        return Wanted(self.resource, start, end)

    def asked(self) -> Asked:
        """Return what the verifier brings; raises `Malformed` or `OSError`."""
        earlier = tuple(_checkpoint(path) for path in self.since)
        return Asked(self._policy(), _receipts(self.receipts), earlier)

    def _policy(self) -> Policy:
        if self.policy is not None and self.key is None:
            return parse_policy(read(self.policy, POLICY_BYTES_MAX))
        if self.key is not None and self.policy is None:
            return quorum_of([Log(parse_verifier_key(self.key.strip()))], (), 0)
        raise Malformed("Say whom you trust: --policy FILE or --key VKEY, one of them.")


class Verified(msgspec.Struct, frozen=True):
    """A bundle, None where it could not be read, and what was found."""

    path: Path
    bundle: Bundle | None
    found: Findings


def bundle_options(command: Decorated) -> Decorated:
    """Add the options that go with bundles."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def run(paths: tuple[Path, ...], options: Options, *, as_json: bool) -> bool:
    """Verify bundles and show what was found; tell whether everything checks."""
    try:
        asked, wanted = options.asked(), options.wanted()
    except (Malformed, OSError) as problem:
        raise click.ClickException(str(problem)) from None
    each = [verified(path, asked) for path in paths]
    pairs = _pairs(each)
    ok = all(one.found.ok for one in each) and all(pair.ok for pair in pairs)
    telling = wanted if ok and options.report else None
    if as_json:
        whole = {
            "ok": ok,
            "bundles": [_document(one, telling) for one in each],
            "consistency": [_told(pair) for pair in pairs],
        }
        click.echo(msgspec.json.format(msgspec.json.encode(whole), indent=2))
        return ok
    for one in each:
        _show(one, telling, named=len(each) > 1)
    _echo([line for pair in pairs for line in pair.lines()])
    click.echo("Everything checks." if ok else "Not everything checks.")
    return ok


def verified(path: Path, asked: Asked) -> Verified:
    """Read and check the bundle in a file."""
    try:
        bundle = open_bundle(path)
        return Verified(path, bundle, verify(bundle, asked))
    except (Malformed, OSError) as problem:
        found = Findings()
        found.check("file").wrong(str(problem))
        return Verified(path, None, found)


def read(path: Path, bytes_max: int) -> bytes:
    """Return a file that is not larger than that; raises `Malformed` or `OSError`."""
    with path.open("rb") as file:
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise Malformed(f"{path} has more than {bytes_max} bytes.")
    return content


def _checkpoint(path: Path) -> Note:
    try:
        return parse_note(read(path, NOTE_BYTES_MAX))
    except Malformed as problem:
        raise Malformed(f"{path}: {problem}") from None


def _receipts(path: Path | None) -> tuple[Receipt, ...]:
    if path is None:
        return ()
    try:
        return parse_receipts(read(path, RECEIPTS_BYTES_MAX))
    except Malformed as problem:
        raise Malformed(f"{path}: {problem}") from None


def _pairs(each: list[Verified]) -> list[Check]:
    """Compare bundles that hold, from the smallest tree to the largest."""
    holding = [one.bundle for one in each if one.bundle is not None and one.found.ok]
    ordered = sorted(holding, key=size_of)
    return [check_pair(*pair) for pair in pairwise(ordered)]


def _document(one: Verified, wanted: Wanted | None) -> dict[str, object]:
    told: dict[str, object] = {
        "file": str(one.path),
        "ok": one.found.ok,
        "checks": [_told(check) for check in one.found.checks],
        "notes": one.found.notes,
    }
    if one.bundle is not None and one.found.ok:
        told |= {"complete": one.bundle.manifest, "counts": msgspec.structs.asdict(one.found.tally)}
    if wanted is not None:
        told["report"] = list(_touched(one, wanted))
    return told


def _told(check: Check) -> dict[str, object]:
    return {
        "name": check.name,
        "ok": check.ok,
        "detail": check.shows if check.ok else "",
        "problems": check.problems,
        "count": check.count,
    }


def _show(one: Verified, wanted: Wanted | None, *, named: bool) -> None:
    if named:
        _echo([f"{one.path}:"])
    _echo([line for check in one.found.checks for line in check.lines()])
    _echo([f"    {note}" for note in one.found.notes])
    if one.found.ok and wanted is None:
        _echo(one.found.tally.lines())
    if wanted is not None:
        for touched in _touched(one, wanted):
            _echo(touched.lines())


def _touched(one: Verified, wanted: Wanted) -> list[Touched]:
    return list(report(one.bundle, wanted)) if one.bundle is not None else []


def _echo(lines: list[str]) -> None:
    for line in lines:
        click.echo(shown(line))
