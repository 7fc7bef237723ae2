"""Since when reads of data are on record, as far as a bundle tells.

A read is in the log only where that was asked for: by the sensitivity of a project or bucket, or by
an audit configuration. So a report without reads says little until it says whether they would be in
it.
"""

from __future__ import annotations

import msgspec

from rempart.verifier.bundle import Bundle
from rempart.verifier.leaf import OUTCOME, Leaf, decode
from rempart.verifier.report import BUCKETS, Wanted, resource_name, time_of

_USE = "use"
_DATA_READ = "DATA_READ"
_SENSITIVE = frozenset(("sensitive", "restricted"))
_SENSITIVITY, _AUDIT = "sensitivity", "auditConfigs"
_TOLD = (_SENSITIVITY, _AUDIT)
"""The facts that tell what is asked for, as it is after a change."""

_ALL_SERVICES, _STORAGE = "allServices", "storage.googleapis.com"
_UNSAID = "no entry of this bundle asks for it."
_ABOVE = (
    "    What folders or organizations above ask for is told in their bundles alone: reads may be"
    " on record for that."
)


class Period(msgspec.Struct, frozen=True, omit_defaults=True):
    """A time in which reads were on record, why, and the entries that began and ended it."""

    since: str
    entry: int
    because: str
    until: str = ""
    ended: int | None = None

    @property
    def text(self) -> str:
        """Return what to tell people."""
        begun = f"from {self.since} ({self.because}; entry {self.entry})"
        if self.ended is None:
            return f"{begun} on"
        return f"{begun} to {self.until} (entry {self.ended})"


class Reads(msgspec.Struct):
    """What a bundle tells of the record of reads; `count` are reads that are in it."""

    about: str
    start: int = 0
    periods: list[Period] = msgspec.field(default_factory=list)
    count: int = 0
    first: str = ""

    @property
    def on(self) -> bool:
        """Return whether reads are on record where the bundle ends, by what is in it."""
        return bool(self.periods) and self.periods[-1].ended is None

    def lines(self) -> list[str]:
        """Return what to tell people."""
        return [self._said(), *self._beside(), _ABOVE]

    def _said(self) -> str:
        name = f"Reads of data of {self.about}"
        if self.periods:
            spans = " and ".join(one.text for one in self.periods)
            return f"{name} are on record {spans}." + ("" if self.on else " Now they are not.")
        if self.count:
            return f"{name}: {self.count} are on record, the first of {self.first}; {_UNSAID}"
        return f"{name} are not on record: {_UNSAID}"

    def _beside(self) -> list[str]:
        if not self.start:
            return []
        return [f"    What was asked for before entry {self.start} is not in this bundle."]


def reads_of(bundle: Bundle, wanted: Wanted) -> Reads:
    """Return what a bundle, which must have been verified, tells of the reads of what is wanted."""
    name = resource_name(wanted.resource) or bundle.manifest.parent
    watch = _Watch(name, bundle.manifest.parent)
    found = Reads(wanted.resource or name, bundle.manifest.start)
    named = Wanted(wanted.resource)
    for line in bundle.lines():
        leaf = decode(line.leaf)
        watch.see(line.index, leaf, found.periods)
        if leaf.kind == _USE and leaf.access == _DATA_READ and not leaf.key and named.wants(leaf):
            found.first = found.first or time_of(leaf.time)
            found.count += 1
    return found


class _Watch:
    """What is asked for of one resource, while a log is gone through."""

    def __init__(self, name: str, parent: str) -> None:
        below = name.removeprefix(BUCKETS)
        self._bucket = f"{BUCKETS}{below.partition('/')[0]}" if below != name else ""
        self._concern = {parent, self._bucket or name}
        self._asked: dict[tuple[str, str], str] = {}

    def see(self, index: int, leaf: Leaf, periods: list[Period]) -> None:
        """Take an entry, and begin or end a period where it does."""
        target = _target(leaf)
        if target == self._bucket:
            self._concern.add(leaf.container)  # its project, which an organization's bundle tells
        elif not self._telling(leaf):
            return
        if leaf.kind == OUTCOME:
            self._take(target, leaf.facts)
        asked = (said for (of, _), said in self._asked.items() if of in self._concern and said)
        because, on = " and ".join(asked), bool(periods) and periods[-1].ended is None
        time = time_of(leaf.time)
        if because and not on:
            periods.append(Period(time, index, because))
        elif on and not because:
            periods[-1] = msgspec.structs.replace(periods[-1], until=time, ended=index)

    def _telling(self, leaf: Leaf) -> bool:
        return leaf.kind == OUTCOME and not leaf.facts.keys().isdisjoint(_TOLD)

    def _take(self, target: str, facts: dict[str, str]) -> None:
        if (level := facts.get(_SENSITIVITY)) is not None:
            said = f"{target} is {level}" if level in _SENSITIVE else ""
            self._asked[target, _SENSITIVITY] = said
        if (configs := facts.get(_AUDIT)) is not None:
            found = ", ".join(one for one in configs.split(", ") if self._wants(one))
            self._asked[target, _AUDIT] = f"{target} audits {found}" if found else ""

    def _wants(self, config: str) -> bool:
        """Tell whether an audit configuration has reads of the resource recorded."""
        service, _, log = config.partition(" ")
        known = not self._bucket or service in {_ALL_SERVICES, _STORAGE}
        return known and log.partition(" ")[0] == _DATA_READ


def _target(leaf: Leaf) -> str:
    """Return of what an entry's facts speak: of what was made, where something was."""
    if "bucket" in leaf.facts:
        return f"{BUCKETS}{leaf.facts['bucket']}"
    if "project" in leaf.facts:
        return f"projects/{leaf.facts['project']}"
    return leaf.resource
