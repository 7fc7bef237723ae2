"""Completeness: what the log itself says was handed out, against what is there."""

from __future__ import annotations

from rempart.verifier.bundle import Manifest
from rempart.verifier.findings import Check
from rempart.verifier.leaf import PROJECT_LISTS
from rempart.verifier.rows import Rows, Statement


def check_coverage(manifest: Manifest, rows: Rows, told: Check) -> None:
    """Check that the bundle's own statements say, without a gap, that nothing is missing."""
    stated = {one.index: one for one in rows.statements}
    at = manifest.start
    for index in manifest.statements:
        one = stated.get(index)
        if one is None:
            told.wrong(f"Entry {index} does not state what was handed out, or is not opened.")
            return
        if one.container != manifest.parent:
            told.wrong(f"Entry {index} states what was handed out of {one.container!r}.")
        if one.start != at or one.to < at or one.to > index:
            told.wrong(f"Entry {index} speaks of {one.start} up to {one.to}; {at} was due.")
        _compare(one, rows.found(one.start, one.to), told)
        at = one.to
    if at != manifest.to or not manifest.statements:
        told.wrong(f"The statements end at entry {at}, and the bundle at {manifest.to}.")
    told.shows = f"all entries of {manifest.parent} from {manifest.start} up to {manifest.to}"


def check_others(manifest: Manifest, rows: Rows, told: Check, notes: list[str]) -> None:
    """Check older statements within the bundle's span: none may have said less than is there.

    One that said more is told as a note: what may no longer be kept is pruned from the log. Those
    of folders and organizations are passed over, since projects come into them and leave.
    """
    own, checked, more = frozenset(manifest.statements), 0, 0
    for one in rows.statements:
        within = manifest.start <= one.start <= one.to <= manifest.to
        if one.index in own or one.method != PROJECT_LISTS or not within:
            continue
        checked += 1
        found = rows.found(one.start, one.to, one.container)
        if one.count > found[0]:
            more += 1
        else:
            _compare(one, found, told)
    told.shows = f"{checked} older statements, none says less than is there"
    if more:
        notes.append(
            f"{more} older statements count more than is there now: the rest was pruned since, or"
            " is withheld. Compare with the bundle that was fetched then."
        )


def _compare(one: Statement, found: tuple[int, str], told: Check) -> None:
    count, digest = found
    span = f"from {one.start} up to {one.to}"
    if one.count != count:
        told.wrong(f"Entry {one.index} states {one.count} entries {span}; there are {count}.")
    elif one.digest != digest:
        told.wrong(f"Entry {one.index} states another digest of the {count} entries {span}.")
