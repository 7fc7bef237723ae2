"""Typed reading of one rule's members; each reader returns the member or refuses it by its name."""

from __future__ import annotations

from collections.abc import Mapping

from rempart.ekm.model import pattern

LIST_MAX = 256
TEXT_CHARS_MAX = 512


class PolicyProblem(Exception):  # noqa: N818 - it is named for what it is
    """What is wrong with a policy file: `where` is a line or a rule, `member` what of it."""

    def __init__(self, where: str, member: str, message: str) -> None:
        self.where = where
        self.member = member
        self.message = message
        super().__init__(": ".join(part for part in (where, member, message) if part))


class RuleReader:
    """Reads the members of one rule, and refuses by its name."""

    def __init__(self, where: str, table: Mapping[str, object]) -> None:
        self._where = where
        self._table = table

    def problem(self, member: str, message: str) -> PolicyProblem:
        """Return the refusal of one member."""
        return PolicyProblem(self._where, member, message)

    def only(self, members: frozenset[str]) -> None:
        """Refuse members that are not among these."""
        for member in sorted(self._table.keys() - members):
            raise self.problem(member, "no such member")

    def has(self, member: str) -> bool:
        """Tell whether the file states a member."""
        return member in self._table

    def text(self, member: str) -> str | None:
        """Return a text, None if absent."""
        value = self._table.get(member)
        if value is not None and (not isinstance(value, str) or not value):
            raise self.problem(member, "must be a text")
        return value

    def flag(self, member: str) -> bool | None:
        """Return true or false, None if absent."""
        value = self._table.get(member)
        if value is not None and not isinstance(value, bool):
            raise self.problem(member, "must be true or false")
        return value

    def number(self, member: str, highest: int) -> int | None:
        """Return a whole number of 1 or more, None if absent."""
        value = self._table.get(member)
        if value is None:
            return None
        if type(value) is not int or not 1 <= value <= highest:
            raise self.problem(member, f"must be a whole number from 1 to {highest}")
        return value

    def texts(
        self,
        member: str,
        allowed: frozenset[str] | None = None,
        *,
        default: tuple[str, ...] | None = None,
    ) -> tuple[str, ...]:
        """Return a list of texts, each one of the allowed; the default if absent."""
        if default is not None and not self.has(member):
            return default
        values = self._table.get(member)
        if not isinstance(values, list) or not 0 < len(values) <= LIST_MAX:
            raise self.problem(member, f"must be a list of 1 to {LIST_MAX} texts")
        for value in values:
            if not isinstance(value, str) or not 0 < len(value) <= TEXT_CHARS_MAX:
                raise self.problem(member, f"has a member that is no text: {value!r:.80}")
            if allowed is not None and value not in allowed:
                raise self.problem(
                    member, f"{value!r:.80} is not one of {', '.join(sorted(allowed))}"
                )
        return tuple(values)

    def patterns(self, member: str) -> tuple[str, ...]:
        """Return a list of patterns of paths."""
        values = self.texts(member)
        for value in values:
            if not pattern.sound(value):
                raise self.problem(member, f"{value!r:.80} has too many stars")
        return values
