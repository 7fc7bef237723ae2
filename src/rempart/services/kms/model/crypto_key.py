"""A key: what it is for, what its versions are like, and when they rotate.

Source: CryptoKey of google.cloud.kms.v1, with Google's limits.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from rempart.core.clock import Micros
from rempart.core.document import Document, boolean, moment, only, pairs, seconds, section, text
from rempart.core.errors import CloudError, invalid, required, unimplemented, unsupported
from rempart.core.labels import labels
from rempart.core.policy import Policy
from rempart.services.kms.model.access_reasons import FIELD as REASONS_FIELD
from rempart.services.kms.model.access_reasons import access_reasons
from rempart.trust.custody.software.algorithms import ALGORITHMS, Algorithm, Purpose

DAY_SECONDS = 86_400
ROTATION_SECONDS_MIN = DAY_SECONDS
ROTATION_SECONDS_MAX = 876_000 * 3600
DESTROY_SECONDS_MIN = DAY_SECONDS
DESTROY_SECONDS_MAX = 120 * DAY_SECONDS
DESTROY_SECONDS_DEFAULT = 30 * DAY_SECONDS

DEFAULT_ALGORITHMS = {Purpose.ENCRYPT_DECRYPT: "GOOGLE_SYMMETRIC_ENCRYPTION"}
SOFTWARE = "SOFTWARE"
_LEVELS = frozenset(("HSM", "EXTERNAL", "EXTERNAL_VPC", "HSM_SINGLE_TENANT"))
_UNSPECIFIED = frozenset(("", "PROTECTION_LEVEL_UNSPECIFIED"))
_OUTPUT = ("name", "primary", "createTime")
"""Members that clients may send back as they read them; they say nothing."""


class CryptoKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key; `versions` is the highest number given, `primary` 0 where there is none.

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


def new_key(document: Document, policy: Policy, now: Micros, *, anssi: bool) -> CryptoKey:
    """Return the key that a request asks for."""
    only(document, *_OUTPUT, *_CREATED)
    purpose = _purpose(text(document, "purpose"))
    template = section(document, "versionTemplate")
    algorithm = _algorithm(template, purpose, DEFAULT_ALGORITHMS.get(purpose, ""), anssi=anssi)
    key = CryptoKey(
        created=now,
        purpose=purpose.value,
        algorithm=algorithm.name,
        protection=protection(text(template, "protectionLevel"), "versionTemplate"),
        labels=labels(pairs(document, "labels")),
        destroy_seconds=_destroy_seconds(document),
        import_only=boolean(document, "importOnly"),
        access_reasons=access_reasons(document),
        policy=policy,
    )
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
)


def changed(
    key: CryptoKey, document: Document, mask: frozenset[str], now: Micros, *, anssi: bool
) -> CryptoKey:
    """Return the key with the members of the mask as the document says."""
    unknown = sorted(mask - _CHANGES.keys() - _SCHEDULE)
    if unknown:
        raise invalid(f"{unknown[0][:80]} cannot be updated.", field="updateMask")
    for name in sorted(mask & _CHANGES.keys()):
        key = _CHANGES[name](key, document, anssi)
    return _scheduled(key, document, now, mask & _SCHEDULE)


def _change_labels(key: CryptoKey, document: Document, _anssi: bool) -> CryptoKey:  # noqa: FBT001
    return replace(key, labels=labels(pairs(document, "labels")))


def _change_reasons(key: CryptoKey, document: Document, _anssi: bool) -> CryptoKey:  # noqa: FBT001
    return replace(key, access_reasons=access_reasons(document))


def _change_template(key: CryptoKey, document: Document, anssi: bool) -> CryptoKey:  # noqa: FBT001
    template = section(document, "versionTemplate")
    algorithm = _algorithm(template, Purpose(key.purpose), key.algorithm, anssi=anssi)
    level = text(template, "protectionLevel")
    if level not in _UNSPECIFIED and protection(level, "versionTemplate") != key.protection:
        raise invalid("The protection level of a key does not change.", field="versionTemplate")
    return replace(key, algorithm=algorithm.name)


_CHANGES: dict[str, Callable[[CryptoKey, Document, bool], CryptoKey]] = {
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
    if (key.rotation_seconds or key.next_rotation) and not key.rotates:
        raise invalid("Only keys of purpose ENCRYPT_DECRYPT rotate.", field="rotationPeriod")
    if key.next_rotation and key.import_only:
        raise invalid("A key of importOnly does not rotate.", field="rotationPeriod")
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


def protection(level: str, field: str) -> str:
    """Return the protection level; those that are not there are refused by name."""
    if level in _UNSPECIFIED or level == SOFTWARE:
        return SOFTWARE
    if level in _LEVELS:
        raise unimplemented(f"The protection level {level}")
    raise invalid(f"{level[:80]} is not a protection level.", field=field)


def _purpose(text_: str) -> Purpose:
    if not text_:
        raise required("purpose is required.", field="purpose")
    try:
        return Purpose(text_)
    except ValueError:
        raise invalid(f"{text_[:80]} is not a purpose.", field="purpose") from None


def _algorithm(template: Document, purpose: Purpose, default: str, *, anssi: bool) -> Algorithm:
    only(template, "algorithm", "protectionLevel")
    name = text(template, "algorithm") or default
    if not name:
        raise required("versionTemplate.algorithm is required.", field="versionTemplate.algorithm")
    return algorithm_of(name, purpose, anssi=anssi)


def algorithm_of(name: str, purpose: Purpose, *, anssi: bool) -> Algorithm:
    """Return the algorithm by Google's name, for keys of a purpose.

    Refused: names of other purposes, what the library lacks, and with `anssi` whatever that
    agency's rules do not admit.
    """
    field = "versionTemplate.algorithm"
    found = ALGORITHMS.get(name)
    if found is None:
        raise invalid(f"{name[:80]} is not an algorithm.", field=field)
    if found.purpose is not purpose:
        raise invalid(f"{name} is not an algorithm for {purpose.value}.", field=field)
    if found.unavailable:
        raise unsupported(f"The algorithm {name}", field=field, because=found.unavailable)
    if anssi and not found.anssi:
        raise _not_admitted(found, field)
    return found


def _not_admitted(algorithm: Algorithm, field: str) -> CloudError:
    message = f"{algorithm.name} is not on this universe's list: {algorithm.anssi_note}"
    return invalid(message, field=field, reason="ALGORITHM_NOT_ADMITTED")
