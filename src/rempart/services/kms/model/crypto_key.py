"""A key: what it is for, what its versions are like, and when they rotate.

Source: CryptoKey of google.cloud.kms.v1, with Google's limits.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from rempart.core.clock import Micros
from rempart.core.document import Document, boolean, moment, only, pairs, seconds, section, text
from rempart.core.errors import invalid, required
from rempart.core.labels import labels
from rempart.core.policy import Policy
from rempart.services.kms.model.access_reasons import FIELD as REASONS_FIELD
from rempart.services.kms.model.access_reasons import access_reasons
from rempart.services.kms.model.choices import (
    ALGORITHM_FIELD,
    EXTERNAL,
    EXTERNAL_VPC,
    EXTERNALS,
    SOFTWARE,
    UNSPECIFIED,
    Choices,
)
from rempart.trust.custody.software.algorithms import Algorithm, Purpose

DAY_SECONDS = 86_400
ROTATION_SECONDS_MIN = DAY_SECONDS
ROTATION_SECONDS_MAX = 876_000 * 3600
DESTROY_SECONDS_MIN = DAY_SECONDS
DESTROY_SECONDS_MAX = 120 * DAY_SECONDS
DESTROY_SECONDS_DEFAULT = 30 * DAY_SECONDS

DEFAULT_ALGORITHMS = {Purpose.ENCRYPT_DECRYPT: "GOOGLE_SYMMETRIC_ENCRYPTION"}
BACKEND_FIELD = "cryptoKeyBackend"
_LEVEL_FIELD = "versionTemplate.protectionLevel"
_OUTPUT = ("name", "primary", "createTime")
"""Members that clients may send back as they read them; they say nothing."""


class CryptoKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key; `versions` is the highest number given, `primary` 0 where there is none.

    `backend` is the connection to the manager that holds the key, at the level EXTERNAL_VPC.
    `deleted` counts the versions that were deleted: their numbers are not given again.
    `access_reasons` is None where no policy limits them, empty where it allows none.
    """

    created: int
    purpose: str
    algorithm: str
    protection: str = SOFTWARE
    labels: dict[str, str] = {}
    rotation_seconds: int = 0
    next_rotation: int = 0
    destroy_seconds: int = DESTROY_SECONDS_DEFAULT
    import_only: bool = False
    access_reasons: tuple[str, ...] | None = None
    backend: str = ""
    primary: int = 0
    versions: int = 0
    deleted: int = 0
    policy: Policy

    @property
    def held(self) -> int:
        """Return how many versions the key has."""
        return self.versions - self.deleted

    @property
    def rotates(self) -> bool:
        """Tell whether the key has a primary version, which rotation replaces."""
        return self.purpose == Purpose.ENCRYPT_DECRYPT.value

    @property
    def external(self) -> bool:
        """Tell whether somebody else holds the key."""
        return self.protection in EXTERNALS

    @property
    def scheduled(self) -> bool:
        """Tell whether the key has a rotation ahead of it."""
        return bool(self.rotation_seconds or self.next_rotation)


def new_key(document: Document, policy: Policy, now: Micros, choices: Choices) -> CryptoKey:
    """Return the key that a request asks for."""
    only(document, *_OUTPUT, *_CREATED)
    purpose = _purpose(text(document, "purpose"))
    template = section(document, "versionTemplate")
    level = choices.protection(text(template, "protectionLevel"), _LEVEL_FIELD)
    default = DEFAULT_ALGORITHMS.get(purpose, "")
    algorithm = _algorithm(template, purpose, default, level, choices)
    key = CryptoKey(
        created=now,
        purpose=purpose.value,
        algorithm=algorithm.name,
        protection=level,
        labels=labels(pairs(document, "labels")),
        destroy_seconds=_destroy_seconds(document),
        import_only=boolean(document, "importOnly"),
        access_reasons=access_reasons(document),
        backend=text(document, BACKEND_FIELD),
        policy=policy,
    )
    _check_external(key)
    return _scheduled(key, document, now, {"rotationPeriod", "nextRotationTime"})


_CREATED = (
    "purpose",
    "versionTemplate",
    "labels",
    "rotationPeriod",
    "nextRotationTime",
    "destroyScheduledDuration",
    "importOnly",
    REASONS_FIELD,
    BACKEND_FIELD,
)


def _check_external(key: CryptoKey) -> None:
    if key.backend and key.protection != EXTERNAL_VPC:
        message = f"Only keys of the protection level {EXTERNAL_VPC} have a {BACKEND_FIELD}."
        raise invalid(message, field=BACKEND_FIELD)
    if key.external and key.import_only:
        raise invalid("Nothing is imported into external keys.", field="importOnly")


def changed(
    key: CryptoKey, document: Document, mask: frozenset[str], now: Micros, choices: Choices
) -> CryptoKey:
    """Return the key with the members of the mask as the document says."""
    unknown = sorted(mask - _CHANGES.keys() - _SCHEDULE)
    if unknown:
        raise invalid(f"{unknown[0][:80]} cannot be updated.", field="updateMask")
    for name in sorted(mask & _CHANGES.keys()):
        key = _CHANGES[name](key, document, choices)
    return _scheduled(key, document, now, mask & _SCHEDULE)


def _change_labels(key: CryptoKey, document: Document, _choices: Choices) -> CryptoKey:
    return replace(key, labels=labels(pairs(document, "labels")))


def _change_reasons(key: CryptoKey, document: Document, _choices: Choices) -> CryptoKey:
    return replace(key, access_reasons=access_reasons(document))


def _change_template(key: CryptoKey, document: Document, choices: Choices) -> CryptoKey:
    template = section(document, "versionTemplate")
    purpose = Purpose(key.purpose)
    algorithm = _algorithm(template, purpose, key.algorithm, key.protection, choices)
    level = text(template, "protectionLevel")
    if level not in UNSPECIFIED and choices.protection(level, _LEVEL_FIELD) != key.protection:
        raise invalid("The protection level of a key does not change.", field=_LEVEL_FIELD)
    return replace(key, algorithm=algorithm.name)


_CHANGES: dict[str, Callable[[CryptoKey, Document, Choices], CryptoKey]] = {
    "labels": _change_labels,
    REASONS_FIELD: _change_reasons,
    "versionTemplate": _change_template,
    "versionTemplate.algorithm": _change_template,
    "versionTemplate.protectionLevel": _change_template,
}
_SCHEDULE = frozenset(("rotationPeriod", "nextRotationTime"))


def _scheduled(
    key: CryptoKey, document: Document, now: Micros, mask: frozenset[str] | set[str]
) -> CryptoKey:
    """Return the key with the rotation schedule that the named members ask for."""
    if "rotationPeriod" in mask:
        key = replace(key, rotation_seconds=_rotation_seconds(document))
    if "nextRotationTime" in mask:
        key = replace(key, next_rotation=moment(document, "nextRotationTime") or 0)
        if key.next_rotation and key.next_rotation < now:
            raise invalid("nextRotationTime must lie in the future.", field="nextRotationTime")
    if key.scheduled and not key.rotates:
        raise invalid("Only keys of purpose ENCRYPT_DECRYPT rotate.", field="rotationPeriod")
    if key.next_rotation and key.import_only:
        raise invalid("A key of importOnly does not rotate.", field="rotationPeriod")
    if key.scheduled and key.protection == EXTERNAL:
        message = f"{EXTERNAL} keys do not rotate by themselves: each version has a URI of its own."
        raise invalid(message, field="rotationPeriod")
    if key.rotation_seconds and not key.next_rotation:
        raise required("rotationPeriod needs nextRotationTime.", field="nextRotationTime")
    return key


def _rotation_seconds(document: Document) -> int:
    period = seconds(document, "rotationPeriod")
    if period is not None and not ROTATION_SECONDS_MIN <= period <= ROTATION_SECONDS_MAX:
        message = f"rotationPeriod is {ROTATION_SECONDS_MIN}s to {ROTATION_SECONDS_MAX}s."
        raise invalid(message, field="rotationPeriod")
    return period or 0


def _destroy_seconds(document: Document) -> int:
    delay = seconds(document, "destroyScheduledDuration")
    if delay is None:
        return DESTROY_SECONDS_DEFAULT
    if not DESTROY_SECONDS_MIN <= delay <= DESTROY_SECONDS_MAX:
        message = f"destroyScheduledDuration is {DESTROY_SECONDS_MIN}s to {DESTROY_SECONDS_MAX}s."
        raise invalid(message, field="destroyScheduledDuration")
    return delay


def rotated(key: CryptoKey, number: int, now: Micros) -> CryptoKey:
    """Return the key with a new primary version and its next rotation after now."""
    period = key.rotation_seconds * 1_000_000
    following = key.next_rotation + period
    if period and following <= now:
        following = now + period
    return replace(key, primary=number, versions=number, next_rotation=following if period else 0)


def _purpose(text_: str) -> Purpose:
    if not text_:
        raise required("purpose is required.", field="purpose")
    try:
        return Purpose(text_)
    except ValueError:
        raise invalid(f"{text_[:80]} is not a purpose.", field="purpose") from None


def _algorithm(
    template: Document, purpose: Purpose, default: str, level: str, choices: Choices
) -> Algorithm:
    only(template, "algorithm", "protectionLevel")
    name = text(template, "algorithm") or default
    if not name:
        raise required("versionTemplate.algorithm is required.", field=ALGORITHM_FIELD)
    return choices.algorithm(name, purpose, level)
