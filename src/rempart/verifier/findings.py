"""What a verification found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rempart.verifier.rows import Tally

PROBLEMS_KEPT_MAX = 20
HOLDS, WRONG, UNDECIDED = 0, 1, 2
"""What a verification ends with; a process ends with it as its exit code."""


@dataclass(slots=True)
class Check:
    """One thing that was looked at: what it shows, what is wrong and where, what is undecided."""

    name: str
    shows: str = ""
    problems: list[str] = field(default_factory=list)
    count: int = 0
    open: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.count

    def wrong(self, problem: str) -> None:
        """Note that something is wrong; the first so many are kept, all are counted."""
        self.count += 1
        if self.count <= PROBLEMS_KEPT_MAX:
            self.problems.append(problem)

    def undecided(self, why: str) -> None:
        """Note that something cannot be told from what is there."""
        self.open.append(why)

    def lines(self) -> list[str]:
        """Return what to tell people."""
        if self.ok and not self.open:
            return [f"ok  {self.name:<12} {self.shows}"]
        told = [f"BAD {self.name:<12} {problem}" for problem in self.problems]
        more = self.count - len(self.problems)
        told += [f"BAD {self.name:<12} … and {more} more"] if more else []
        return told + [f"??  {self.name:<12} {why}" for why in self.open]


@dataclass(slots=True)
class Findings:
    """All that was looked at in one bundle; `notes` are for people, and decide nothing."""

    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    @property
    def ok(self) -> bool:
        """Return whether something was looked at and nothing was wrong."""
        return bool(self.checks) and all(one.ok for one in self.checks)

    def check(self, name: str, shows: str = "") -> Check:
        """Add something that is looked at."""
        made = Check(name, shows)
        self.checks.append(made)
        return made


def verdict(checks: Iterable[Check]) -> int:
    """Return what all checks together come to."""
    each = list(checks)
    if any(not one.ok for one in each):
        return WRONG
    return UNDECIDED if any(one.open for one in each) else HOLDS
