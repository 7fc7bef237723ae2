"""Attribute mappings and conditions of a provider: from an assertion's claims to attributes.

Each attribute is a CEL expression over `assertion`; a condition may also read `google` and
`attribute`. What cannot be evaluated refuses the credential: a claim that is missing, a value of
another type, a condition that is anything but true. An expression repeats its work for the
elements of one list at most, and claims are few, so its cost is bounded.

Source: `attributeMapping` and `attributeCondition` in Google's description of pool providers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from rempart.core.cel import (
    ARITHMETIC_MAX,
    MACRO,
    NESTING_MAX,
    Program,
    arithmetic,
    depth,
    extract,
    first_line,
    library,
    plain_matches,
)
from rempart.core.errors import invalid
from rempart.core.limits import JSON_DEPTH_MAX
from rempart.trust.identity.federation.refusal import Refused

MAPPING_CHARS_MAX = 2048
CONDITION_CHARS_MAX = 4096
CUSTOM_ATTRIBUTES_MAX = 50
KEY_CHARS_MAX = 100
SUBJECT_BYTES_MAX = 127
DISPLAY_NAME_BYTES_MAX = 100
MAPPED_BYTES_MAX = 8192
CLAIM_NODES_MAX = 1000
"""Values in all claims together, lists and objects counted with what is in them."""

TEXT_CHARS_MAX = 16 * 1024
_CONCATENATIONS_IN_MACRO_MAX = 4
_PROGRAMS_MAX = 2048

SUBJECT, GROUPS = "google.subject", "google.groups"
DISPLAY_NAME, EMAIL = "google.display_name", "google.email"
POSIX_USERNAME, PHOTO = "google.posix_username", "google.profile_photo"
WORKLOAD_KEYS = frozenset((SUBJECT, GROUPS))
WORKFORCE_KEYS = WORKLOAD_KEYS | {DISPLAY_NAME, EMAIL, POSIX_USERNAME, PHOTO}

_POSIX_USERNAME = re.compile(r"[a-zA-Z0-9._][a-zA-Z0-9._-]{0,31}")
_CUSTOM = re.compile(rf"attribute\.([a-z0-9_]{{1,{KEY_CHARS_MAX - len('attribute.')}}})")
_LOOP = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_][A-Za-z0-9_]*)\s*,")
_OPERATORS = frozenset(
    ("!_", "-_", "_&&_", "_||_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_?_:_", "_+_")
) | frozenset(("_-_", "_%_", "@in", "_[_]", "@not_strictly_false"))
_BUILT_IN = frozenset(
    ("startsWith", "endsWith", "contains", "matches", "size", "int", "string", "bool", "double")
)


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a mapping made of an assertion; texts that are not mapped are empty."""

    subject: str
    groups: tuple[str, ...] = ()
    custom: tuple[tuple[str, tuple[str, ...]], ...] = ()
    display_name: str = ""
    email: str = ""
    posix_username: str = ""


@dataclass(frozen=True, slots=True)
class _Expression:
    """A compiled expression and those of our functions that it calls."""

    program: Program
    functions: tuple[tuple[str, Callable[..., object]], ...]

    def value(self, **variables: object) -> object:
        context = library().Context()
        for name, value in variables.items():
            context.add_variable(name, value)
        for name, function in self.functions:
            context.add_function(name, function)
        return self.program.execute(context)


def check_mapping(mapping: Mapping[str, str], keys: frozenset[str] = WORKLOAD_KEYS) -> None:
    """Raise `invalid` for a mapping that cannot serve; `keys` are Google's that it may have."""
    field = "attributeMapping"
    for key, expression in mapping.items():
        if len(key) > KEY_CHARS_MAX or (key not in keys and not _CUSTOM.fullmatch(key)):
            raise invalid(f"Invalid attribute key {key[:KEY_CHARS_MAX]!r}.", field=field)
        _check_length(expression, MAPPING_CHARS_MAX, f"{field}.{key}")
        _compile(expression, _IN_MAPPING)
    if SUBJECT not in mapping:
        raise invalid("The attribute mapping must have google.subject.", field=field)
    if sum(_CUSTOM.fullmatch(key) is not None for key in mapping) > CUSTOM_ATTRIBUTES_MAX:
        raise invalid(f"Over {CUSTOM_ATTRIBUTES_MAX} custom attributes.", field=field)


def check_condition(condition: str) -> None:
    """Raise `invalid` for a condition that cannot be evaluated; empty is none."""
    if condition:
        _check_length(condition, CONDITION_CHARS_MAX, "attributeCondition")
        _compile(condition, _IN_CONDITION)


def attributes(
    claims: Mapping[str, object], mapping: Mapping[str, str], condition: str
) -> Attributes:
    """Return what a mapping makes of an assertion that its condition admits; else `Refused`."""
    _check_size(claims)
    assertion = dict(claims)
    values = {key: _mapped(key, expression, assertion) for key, expression in mapping.items()}
    if sum(len(one.encode()) for texts in values.values() for one in texts) > MAPPED_BYTES_MAX:
        raise Refused(f"The mapped attributes exceed {MAPPED_BYTES_MAX} bytes.")
    made = _attributes(values)
    if condition and not _admits(condition, assertion, values):
        raise Refused(
            "The given credential is rejected by the attribute condition.",
            error="unauthorized_client",
        )
    return made


def _attributes(values: Mapping[str, tuple[str, ...]]) -> Attributes:
    made = Attributes(
        subject=_one(values, SUBJECT, SUBJECT_BYTES_MAX),
        groups=tuple(dict.fromkeys(values.get(GROUPS, ()))),
        custom=tuple(
            (found[1], values[key]) for key in sorted(values) if (found := _CUSTOM.fullmatch(key))
        ),
        display_name=_one(values, DISPLAY_NAME, DISPLAY_NAME_BYTES_MAX),
        email=_one(values, EMAIL, MAPPED_BYTES_MAX),
        posix_username=_one(values, POSIX_USERNAME, MAPPED_BYTES_MAX),
    )
    if not made.subject:
        raise Refused("The mapped attribute google.subject is empty.")
    if made.posix_username and not _POSIX_USERNAME.fullmatch(made.posix_username):
        raise Refused("The mapped attribute google.posix_username is no user name.")
    return made


def _one(values: Mapping[str, tuple[str, ...]], key: str, bytes_max: int) -> str:
    """Return the single text of an attribute, empty where it is not mapped."""
    texts = values.get(key)
    if texts is None:
        return ""
    if len(texts) != 1:
        raise Refused(f"The mapped attribute {key} must be a text.")
    if len(texts[0].encode()) > bytes_max:
        raise Refused(f"The mapped attribute {key} exceeds {bytes_max} bytes.")
    return texts[0]


def _mapped(key: str, expression: str, assertion: dict[str, object]) -> tuple[str, ...]:
    """Return an attribute's texts; only groups and custom attributes may have several."""
    try:
        value = _compile(expression, _IN_MAPPING).value(assertion=assertion)
    except Exception as problem:  # the library raises what it likes; no error may admit
        raise Refused(f"The mapped attribute {key} cannot be evaluated.") from problem
    texts = value if isinstance(value, list) else [value]
    several = key == GROUPS or _CUSTOM.fullmatch(key) is not None
    if isinstance(value, list) and not several:
        raise Refused(f"The mapped attribute {key} must be a text.")
    if not all(isinstance(one, str) and _plain(one) for one in texts):
        raise Refused(f"The mapped attribute {key} is not of plain text.")
    return tuple(texts)


def _admits(
    condition: str, assertion: dict[str, object], values: Mapping[str, tuple[str, ...]]
) -> bool:
    parts: dict[str, dict[str, object]] = {"google": {}, "attribute": {}}
    for key, texts in values.items():
        kind, _, name = key.partition(".")
        single = key != GROUPS and len(texts) == 1
        parts[kind][name] = texts[0] if single else list(texts)
    try:
        return _compile(condition, _IN_CONDITION).value(assertion=assertion, **parts) is True
    except Exception:  # noqa: BLE001 - the library raises what it likes; no error may admit
        return False


_IN_MAPPING = frozenset(("assertion",))
_IN_CONDITION = frozenset(("assertion", "google", "attribute"))


@lru_cache(maxsize=_PROGRAMS_MAX)
def _compile(expression: str, variables: frozenset[str]) -> _Expression:
    _check_text(expression)
    try:
        program = library().compile(expression)
    except ValueError as problem:
        raise invalid(f"Error compiling expression: {first_line(problem)}") from problem
    called, loops = program.functions(), frozenset(_LOOP.findall(expression))
    if not loops.isdisjoint(_IN_CONDITION):
        raise invalid("Error compiling expression: a macro's variable has a name of its own.")
    unknown = {name for name in called if name not in _OPERATORS | _BUILT_IN | _OURS.keys()}
    unknown |= frozenset(program.variables()) - variables - loops
    if unknown:
        raise invalid(f"Error compiling expression: undeclared reference to '{min(unknown)}'")
    return _Expression(program, tuple((name, _OURS[name]) for name in called if name in _OURS))


def _check_length(expression: str, chars_max: int, field: str) -> None:
    if len(expression) > chars_max:
        raise invalid(f"The expression exceeds {chars_max} characters.", field=field)


def _check_text(expression: str) -> None:
    if not expression.strip():
        raise invalid("The expression is empty.")
    if depth(expression) > NESTING_MAX:
        raise invalid(f"The expression has brackets nested over {NESTING_MAX} deep.")
    if arithmetic(expression) > ARITHMETIC_MAX:
        raise invalid(f"The expression has over {ARITHMETIC_MAX} operators of arithmetic.")
    macros = len(MACRO.findall(expression))
    if macros > 1:
        raise invalid("Error compiling expression: one macro at most, because each is a loop.")
    if macros and expression.count("+") > _CONCATENATIONS_IN_MACRO_MAX:
        raise invalid("Error compiling expression: too many concatenations beside a macro.")
    if not plain_matches(expression):
        raise invalid("Error compiling expression: matches() takes a short, plain literal pattern.")


def _check_size(claims: Mapping[str, object]) -> None:
    """Refuse claims that are many, or deep."""
    left, level = CLAIM_NODES_MAX, list(claims.values())
    for _ in range(JSON_DEPTH_MAX):
        left -= len(level)
        if left < 0:
            raise Refused("The credential has too many claims.")
        inside: list[object] = []
        for value in level:
            if isinstance(value, dict):
                inside += value.values()
            elif isinstance(value, list):
                inside += value
        level = inside
    if level:
        raise Refused("The claims of the credential are too deep.")


def _plain(text: str) -> bool:
    """Tell whether a text can be told apart from another by whoever reads a log."""
    return bool(text) and text.isprintable()


def _bounded(text: str) -> str:
    if len(text) > TEXT_CHARS_MAX:
        raise ValueError("the text is too long")
    return text


def _replace(text: str, old: str, new: str) -> str:
    if not old:
        raise ValueError("nothing to replace")
    if len(text) + text.count(old) * max(0, len(new) - len(old)) > TEXT_CHARS_MAX:
        raise ValueError("the text is too long")
    return text.replace(old, new)


def _join(texts: list[str], between: str = "") -> str:
    if sum(map(len, texts)) + len(texts) * len(between) > TEXT_CHARS_MAX:
        raise ValueError("the text is too long")
    return between.join(texts)


_OURS: Mapping[str, Callable[..., object]] = {
    "extract": lambda text, template: extract(_bounded(text), template),
    "split": lambda text, between: _bounded(text).split(between),
    "join": _join,
    "replace": _replace,
    "lowerAscii": lambda text: "".join(one.lower() if one.isascii() else one for one in text),
    "upperAscii": lambda text: "".join(one.upper() if one.isascii() else one for one in text),
}
"""Functions of IAM's that the library lacks."""
