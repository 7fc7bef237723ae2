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
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise ConfigProblem(f"{file} cannot be read: {problem}.") from problem
    rules = table.get("rule", [])
    if table.keys() - {"rule"} or not isinstance(rules, list) or len(rules) > DUTIES_MAX:
        raise ConfigProblem(f"{file}: it has up to {DUTIES_MAX} tables [[rule]], nothing else.")
    found = tuple(_duty(file, rule) for rule in rules)
    names = [duty.name for duty in found]
    if len(set(names)) < len(names):
        raise ConfigProblem(f"{file}: two rules have the same name.")
    return found


def _duty(file: Path, rule: object) -> Duty:
    if not isinstance(rule, dict) or not _KEYS - {"reason"} <= rule.keys() <= _KEYS:
        raise ConfigProblem(f"{file}: a rule has name, one, other and perhaps reason.")
    name = text(file, rule, "name")
    if not _NAME.fullmatch(name):
        raise ConfigProblem(f"{file}: {name!r} is no name: small letters, digits and hyphens.")
    reason = text(file, rule, "reason") if "reason" in rule else ""
    if len(reason) > REASON_CHARS_MAX:
        raise ConfigProblem(f"{file}: the reason of {name} has over {REASON_CHARS_MAX} characters.")
    one, other = (_side(file, name, rule[side]) for side in ("one", "other"))
    if not one.isdisjoint(other):
        raise ConfigProblem(f"{file}: both sides of {name} have {min(one & other)}.")
    return Duty(name, one, other, reason)


def _side(file: Path, name: str, rights: object) -> frozenset[str]:
    if not isinstance(rights, list) or not 0 < len(rights) <= RIGHTS_OF_A_SIDE_MAX:
        raise ConfigProblem(
            f"{file}: a side of {name} is a list of 1 to {RIGHTS_OF_A_SIDE_MAX} rights."
        )
    for right in rights:
        known = isinstance(right, str) and (
            right in ROLES or right in PERMISSIONS or key_parts(right) is not None
        )
        if not known:
            raise ConfigProblem(f"{file}: {name} names {right!r}, which is no role or permission.")
    return frozenset(rights)
