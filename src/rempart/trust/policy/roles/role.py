"""What a role is and where it may be granted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag, auto


class Level(Flag):
    """Where a role may be granted."""

    ORGANIZATION = auto()
    FOLDER = auto()
    PROJECT = auto()
    BUCKET = auto()
    MANAGED_FOLDER = auto()
    SERVICE_ACCOUNT = auto()
    KEY_RING = auto()
    CRYPTO_KEY = auto()
    IMPORT_JOB = auto()
    EKM_CONNECTION = auto()
    EKM_CONFIG = auto()
    TAG_KEY = auto()
    TAG_VALUE = auto()
    WORKFORCE_POOL = auto()
    ACCESS_POLICY = auto()
    LOG_VIEW = auto()


HIERARCHY = Level.ORGANIZATION | Level.FOLDER | Level.PROJECT
TAGS = Level.TAG_KEY | Level.TAG_VALUE
STORAGE = HIERARCHY | Level.BUCKET | Level.MANAGED_FOLDER
KMS = Level.KEY_RING | Level.CRYPTO_KEY | Level.IMPORT_JOB | Level.EKM_CONNECTION | Level.EKM_CONFIG


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of permissions."""

    name: str
    title: str
    permissions: frozenset[str]
    levels: Level = HIERARCHY


def of(noun: str, verbs: str) -> frozenset[str]:
    """Return the permissions that are these verbs of a noun."""
    return frozenset(f"{noun}.{verb}" for verb in verbs.split())


PROJECT_SEEN = of("resourcemanager.projects", "get list")
