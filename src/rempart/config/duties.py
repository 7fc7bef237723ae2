"""The file that says which rights must not meet in one hand (docs/separation-of-duties.md)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from rempart.config.settings import ConfigProblem
from rempart.config.table import text
from rempart.trust.policy.duties import Duty
from rempart.trust.policy.roles import PERMISSIONS, ROLES
from rempart.trust.policy.roles.custom import key_parts

FILE_NAME = "separation-of-duties.toml"
DUTIES_MAX = 100
RIGHTS_OF_A_SIDE_MAX = 200
REASON_CHARS_MAX = 300

_KEYS = frozenset(("name", "one", "other", "reason"))
_HEADER = re.compile(r"\s*\[\[\s*rule\s*\]\]\s*(?:#.*)?")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


def duties(path: Path, table: Mapping[str, object]) -> tuple[Duty, ...]:
    """Return the rules of the file that `separation_of_duties` names.

    Without the setting they are those of `separation-of-duties.toml` beside the settings, and none
    where there is no such file.
    """
    if "separation_of_duties" not in table:
        beside = path.parent / FILE_NAME
        return read(beside) if beside.exists() else ()
    return read(path.parent / text(path, table, "separation_of_duties"))


def read(file: Path) -> tuple[Duty, ...]:
    """Return the rules of a file; whatever is wrong with it refuses the start."""
    try:
        content = file.read_text(encoding="utf-8")
        table = tomllib.loads(content)
    except (OSError, ValueError) as problem:
        raise ConfigProblem(f"{file} cannot be read: {problem}.") from problem
    rules = table.get("rule", [])
    if table.keys() - {"rule"} or not isinstance(rules, list) or len(rules) > DUTIES_MAX:
        raise ConfigProblem(f"{file}: it has up to {DUTIES_MAX} tables [[rule]], nothing else.")
    lines = _lines(content, len(rules))
    found: list[Duty] = []
    for line, rule in zip(lines, rules, strict=True):
        where = f"{file}, rule in line {line}" if line else str(file)
        found.append(_duty(where, rule))
        if found[-1].name in [duty.name for duty in found[:-1]]:
            raise ConfigProblem(f"{where}: another rule has the same name.")
    return tuple(found)


def _lines(content: str, rules: int) -> list[int]:
    """Return the line in which each rule begins; 0 where the file does not show it."""
    begun = [
        number for number, line in enumerate(content.splitlines(), 1) if _HEADER.fullmatch(line)
    ]
    return begun if len(begun) == rules else [0] * rules


def _duty(where: str, rule: object) -> Duty:
    if not isinstance(rule, dict) or not _KEYS - {"reason"} <= rule.keys() <= _KEYS:
        raise ConfigProblem(f"{where}: a rule has name, one, other and perhaps reason.")
    name = text(where, rule, "name")
    if not _NAME.fullmatch(name):
        raise ConfigProblem(f"{where}: {name!r} is no name: small letters, digits and hyphens.")
    reason = text(where, rule, "reason") if "reason" in rule else ""
    if len(reason) > REASON_CHARS_MAX:
        raise ConfigProblem(
            f"{where}: the reason of {name} has over {REASON_CHARS_MAX} characters."
        )
    one, other = (_side(where, name, rule[side]) for side in ("one", "other"))
    if not one.isdisjoint(other):
        raise ConfigProblem(f"{where}: both sides of {name} have {min(one & other)}.")
    return Duty(name, one, other, reason)


def _side(where: str, name: str, rights: object) -> frozenset[str]:
    if not isinstance(rights, list) or not 0 < len(rights) <= RIGHTS_OF_A_SIDE_MAX:
        raise ConfigProblem(
            f"{where}: a side of {name} is a list of 1 to {RIGHTS_OF_A_SIDE_MAX} rights."
        )
    for right in rights:
        known = isinstance(right, str) and (
            right in ROLES or right in PERMISSIONS or key_parts(right) is not None
        )
        if not known:
            raise ConfigProblem(f"{where}: {name} names {right!r}, which is no role or permission.")
    return frozenset(rights)
