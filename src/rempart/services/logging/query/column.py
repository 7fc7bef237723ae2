"""One field of many entries: the distinct values there are, and which row has which.

A test is asked at most once for each distinct value, of texts only where a search through all of
them finds something, and rows follow by their number: so a filter over many entries costs what
their variety costs.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import msgspec

from rempart.services.logging.query.tree import Scalar, Test

NARROW = 256
Values = tuple[Scalar, ...]
_FLIPPED = bytes((1, 0)) + bytes(NARROW - 2)


class Column(msgspec.Struct, frozen=True, array_like=True):
    """One field: its distinct values by number, from 1, and the number of each of the rows.

    Where each value is one text, they stand in `texts`, between newlines; else in `values`. A row
    without the field has number 0. A number takes one byte, or two if `wide`.
    """

    rows: int
    distinct: int
    texts: str
    values: list[Values]
    numbers: bytes
    wide: bool

    def matching(self, test: Test, *, missing: bool) -> int:
        """Return as a mask which rows pass; those without the field do where `missing`."""
        passed = bytearray(self.distinct + 1)
        passed[0] = missing
        numbers = test.lines(self.texts) if test.lines is not None and self.texts else None
        if numbers is None:
            passed[1:] = bytes(map(test.one, self.all()))
        else:
            for number in numbers:
                passed[number] = 1
            if test.inverse:
                passed[1:] = passed[1:].translate(_FLIPPED)
        return self._mask(bytes(passed)) if any(passed) else 0

    def _mask(self, passed: bytes) -> int:
        if self.distinct == self.rows:  # each row has its own value, numbered as the rows are
            return int.from_bytes(passed[1:], "little")
        if self.wide:
            numbers = array("H", self.numbers)
            return int.from_bytes(bytes(map(passed.__getitem__, numbers)), "little")
        return int.from_bytes(self.numbers.translate(passed.ljust(NARROW, b"\0")), "little")

    def all(self) -> Sequence[Values]:
        """Return the distinct values, by number from 1."""
        if self.texts:
            return [(one,) for one in self.texts[1:-1].split("\n")]
        return self.values

    def every(self) -> list[Values]:
        """Return the values of each row."""
        known = [(), *self.all()]
        numbers = array("H", self.numbers) if self.wide else self.numbers
        return [known[number] for number in numbers]
