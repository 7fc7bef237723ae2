"""Who acts for the operator: the rules and the signed register, read again as they change."""

from __future__ import annotations

import logging
from pathlib import Path

from rempart.core.clock import Micros
from rempart.trust.policy.sovereignty.register import (
    NoRegister,
    Person,
    Register,
    canonical,
    opened,
)
from rempart.trust.policy.sovereignty.rules import Rules
from rempart.trust.policy.watched import Watched

REGISTER_FILE = "staff-register.jws"
_log = logging.getLogger(__name__)


class Staff:
    """The operator's people, as the rules and the register in the data directory tell."""

    def __init__(self, rules: Watched[Rules], data: Path | None) -> None:
        self._rules = rules
        self._file = Watched(data / REGISTER_FILE if data else None, _read_token, REGISTER_FILE)
        self._register: Register | None = None
        self._opened: tuple[str, Rules] | None = None

    def absent(self, now: Micros) -> bool:
        """Tell, without waiting, that there are no rules and so no staff; False where unknown."""
        return self._rules.value is None and self._rules.settled(now)

    async def rules(self, now: Micros) -> Rules | None:
        """Return the rules in force; None where there are none, and so no staff."""
        return await self._rules.current(now)

    async def includes(self, rules: Rules, member: str, now: Micros) -> bool:
        """Tell whether an account is the operator's, by the register or by where it belongs."""
        name = canonical(member)
        if rules.is_staff(name):
            return True
        register = await self.register(rules, now)
        return register is not None and name in register.people

    async def person(self, rules: Rules, member: str, now: Micros) -> Person | None:
        """Return who an account is, by the register; None where none is in force."""
        register = await self.register(rules, now)
        if register is None or not register.in_force(now):
            return None
        return register.people.get(canonical(member))

    @staticmethod
    def named(member: str) -> str:
        """Return an account as the register and requests name it."""
        return canonical(member)

    async def register(self, rules: Rules, now: Micros) -> Register | None:
        """Return the register: the newest that an officer signed, never an older one."""
        token = await self._file.current(now)
        if token is None or (self._opened is not None and self._opened == (token, rules)):
            return self._register
        self._opened = (token, rules)
        try:
            found = opened(token, rules.officers, [one.entity for one in rules.vendors])
        except NoRegister as problem:
            _log.warning("%s is refused (%s): what was in force stays", REGISTER_FILE, problem)
            return self._register
        before = self._register
        if before is not None and found.content.serial < before.content.serial:
            _log.warning("%s is refused: its serial is an older one's", REGISTER_FILE)
        else:
            self._register = found
        return self._register


def _read_token(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()
