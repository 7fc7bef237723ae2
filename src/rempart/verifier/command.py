"""The verifier's command: `rempart verify BUNDLE`, and `python -m rempart.verifier BUNDLE`."""

from __future__ import annotations

import csv
import sys
from itertools import pairwise
from pathlib import Path

import click
import msgspec

from rempart.tlog.errors import Malformed, Refuted
from rempart.verifier.bundle import Bundle, NoBundle, open_bundle, size_of
from rempart.verifier.checks import Asked, verify
from rempart.verifier.findings import HOLDS, UNDECIDED, WRONG, Check, Findings, verdict
from rempart.verifier.held import check_pair
from rempart.verifier.options import Options
from rempart.verifier.reads import Reads, reads_of
from rempart.verifier.report import COLUMNS, Known, Touched, Wanted, report, shown

SAID = {
    HOLDS: "Everything checks.",
    WRONG: "Not everything checks.",
    UNDECIDED: "Nothing is wrong, and not everything could be told.",
}
_UNTRUSTED = (
    "All of it fits together by the sender's own word on whose log it is: to know, pass --policy or"
    " --key with what you were given by somebody else."
)


class Verified(msgspec.Struct, frozen=True):
    """A bundle, None where it could not be read, and what was found."""

    path: Path
    bundle: Bundle | None
    found: Findings


class Telling(msgspec.Struct, frozen=True):
    """What a report is to tell of, and what it is told beside."""

    wanted: Wanted
    known: Known

    def of(self, one: Verified) -> list[Touched]:
        """Return what a verified bundle tells."""
        return list(report(one.bundle, self.wanted, self.known)) if one.bundle else []

    def reads(self, one: Verified) -> list[Reads]:
        """Return what a verified bundle tells of the record of reads, which may not be there."""
        return [reads_of(one.bundle, self.wanted)] if one.bundle else []


def run(paths: tuple[Path, ...], options: Options, *, as_json: bool) -> int:
    """Verify bundles, show what was found, and return the exit code: 0, 1 or 2.

    1 is that something is wrong; 2 that something could not be told, such as whose log it is.
    """
    try:
        asked, telling = options.asked(), Telling(options.wanted(), options.known())
        each = [verified(path, asked) for path in paths]
    except (Malformed, Refuted, OSError) as problem:
        raise click.UsageError(str(problem)) from None
    pairs = _pairs(each, trusting=options.trusting)
    code = verdict([*(check for one in each for check in one.found.checks), *pairs])
    told = telling if code != WRONG and options.reporting else None
    if code == HOLDS and not options.trusting:
        code = UNDECIDED
    said = _UNTRUSTED if code == UNDECIDED and not options.trusting else SAID[code]
    if as_json:
        _show_json(each, pairs, told, code, said)
        return code
    _show(each, pairs, None if options.as_csv else told, said, err=options.as_csv)
    if told is not None and options.as_csv:
        _show_csv(each, told)
    return code


def verified(path: Path, asked: Asked) -> Verified:
    """Read and check the bundle in a file; raises `NoBundle` or `OSError` where there is none."""
    try:
        bundle = open_bundle(path)
        return Verified(path, bundle, verify(bundle, asked))
    except NoBundle:
        raise
    except Malformed as problem:
        found = Findings()
        found.check("file").wrong(str(problem))
        return Verified(path, None, found)


def _pairs(each: list[Verified], *, trusting: bool) -> list[Check]:
    """Compare bundles that hold, from the smallest tree to the largest."""
    holding = [one.bundle for one in each if one.bundle is not None and one.found.ok]
    ordered = sorted(holding, key=lambda one: size_of(one.note))
    return [check_pair(*pair, trusting=trusting) for pair in pairwise(ordered)]


def _show_json(
    each: list[Verified], pairs: list[Check], telling: Telling | None, code: int, said: str
) -> None:
    whole = {
        "ok": code == HOLDS,
        "exitCode": code,
        "verdict": said,
        "bundles": [_document(one, telling) for one in each],
        "oneHistory": [_told(pair) for pair in pairs],
    }
    click.echo(msgspec.json.format(msgspec.json.encode(whole), indent=2))


def _document(one: Verified, telling: Telling | None) -> dict[str, object]:
    told: dict[str, object] = {
        "file": str(one.path),
        "ok": one.found.ok,
        "checks": [_told(check) for check in one.found.checks],
        "notes": one.found.notes,
    }
    if one.bundle is not None and one.found.ok:
        told |= {"complete": one.bundle.manifest, "counts": msgspec.structs.asdict(one.found.tally)}
    if telling is not None:
        told["report"] = telling.of(one)
        told["reads"] = [
            {"onRecord": it.on, **msgspec.to_builtins(it)} for it in telling.reads(one)
        ]
    return told


def _told(check: Check) -> dict[str, object]:
    return {
        "name": check.name,
        "ok": check.ok and not check.open,
        "detail": check.shows if check.ok else "",
        "problems": check.problems,
        "count": check.count,
        "undecided": check.open,
    }


def _show(
    each: list[Verified], pairs: list[Check], telling: Telling | None, said: str, *, err: bool
) -> None:
    for one in each:
        named = [f"{one.path}:"] if len(each) > 1 else []
        checks = [line for check in one.found.checks for line in check.lines()]
        notes = [f"    {note}" for note in one.found.notes]
        tally = one.found.tally.lines() if one.found.ok and telling is None else []
        _echo([*named, *checks, *notes, *tally], err=err)
        if telling is not None:
            told = telling.of(one)
            for touched in told:
                _echo(touched.lines())
            _echo([_counted(len(told), telling.wanted)])
            _echo([line for it in telling.reads(one) for line in it.lines()])
    _echo([line for pair in pairs for line in pair.lines()], err=err)
    click.echo(said, err=err)


def _counted(count: int, wanted: Wanted) -> str:
    """Return how much was told: nothing at all may be a name that was mistyped."""
    about = f" about {wanted.resource}" if wanted.resource else ""
    return f"{count} entries{about}."


def _show_csv(each: list[Verified], telling: Telling) -> None:
    rows = csv.writer(sys.stdout)
    rows.writerow(COLUMNS)
    for one in each:
        rows.writerows(touched.cells() for touched in telling.of(one))
        _echo([line for it in telling.reads(one) for line in it.lines()], err=True)


def _echo(lines: list[str], *, err: bool = False) -> None:
    for line in lines:
        click.echo(shown(line), err=err)
