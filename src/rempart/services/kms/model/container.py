"""What a project lies in: names of projects, folders and organizations, and of their settings.

Source: the resource patterns of AutokeyConfig and KeyAccessJustificationsPolicyConfig in
google.cloud.kms.v1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from typing_extensions import override

from rempart.core.errors import invalid

AUTOKEY = "autokeyConfig"
JUSTIFICATIONS = "kajPolicyConfig"
_CONTAINER = re.compile(r"(?:projects|folders|organizations)/[^/\x00]+")


@dataclass(frozen=True, slots=True)
class ConfigName:
    """`projects/P/NOUN`, `folders/F/NOUN` or `organizations/O/NOUN`."""

    container: str
    noun: str

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the container: each kind of setting has its own documents."""
        return (self.container,)

    @override
    def __str__(self) -> str:
        return f"{self.container}/{self.noun}"


def container(text: str) -> str:
    """Return a project's, folder's or organization's name, that of a setting without its noun."""
    for noun in (AUTOKEY, JUSTIFICATIONS):
        text = text.removesuffix(f"/{noun}")
    if not _CONTAINER.fullmatch(text):
        raise invalid(f"The name {text[:300]!r} is not that of a project or folder.", field="name")
    return text
