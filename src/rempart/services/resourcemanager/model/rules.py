"""What names, ids and restrictions Resource Manager accepts.

Source: google.cloud.resourcemanager.v3 (projects.proto, folders.proto) and v1's description of
liens. The rules of a project's id are for the part after the universe's prefix.
"""

from __future__ import annotations

import re

from rempart.core.errors import invalid, required
from rempart.core.names import ProjectId

CHILD_FOLDERS_MAX = 300
"""How many folders in use a folder or organization may hold directly."""

KEPT_SECONDS = 30 * 86_400
"""How long what is deleted can be had back."""

LIEN_TEXT_CHARS_MAX = 200
LIENS_PER_PROJECT_MAX = 100
"""Google says that there is a limit, not which."""

DELETION = "resourcemanager.projects.delete"
"""The restriction that a lien can put on a project."""

_ID = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_PROJECT_NAME = re.compile(r"[A-Za-z0-9'\"! -]{4,30}")
_EDGE, _INNER = r"[^\W_]", r"[\w -]"
_FOLDER_NAME = re.compile(rf"{_EDGE}(?:{_INNER}{{0,28}}{_EDGE})?")
_PARENT = re.compile(r"(?:folders|organizations)/[0-9]{1,20}")


def project_id(asked: str, prefix: str) -> ProjectId:
    """Return the id of a new project, with the universe's prefix, whether or not it was given."""
    if not asked:
        raise required("A project needs an id.", field="projectId")
    bare = asked.removeprefix(f"{prefix}:") if prefix else asked
    if not _ID.fullmatch(bare):
        message = (
            f"{asked[:60]!r} is no project id: it has 6 to 30 lower-case letters, digits and"
            f" hyphens, begins with a letter and does not end with a hyphen"
            f"{f'; the prefix of this universe is {prefix}:' if prefix else ''}."
        )
        raise invalid(message, field="projectId")
    return ProjectId(f"{prefix}:{bare}" if prefix else bare)


def project_name(asked: str, field: str) -> str:
    """Return a project's display name."""
    if not _PROJECT_NAME.fullmatch(asked):
        message = (
            "A project's display name has 4 to 30 characters: letters, digits, hyphens, quotes,"
            " spaces and exclamation points."
        )
        raise invalid(message, field=field)
    return asked


def folder_name(asked: str) -> str:
    """Return a folder's display name."""
    if not _FOLDER_NAME.fullmatch(asked):
        message = (
            "A folder's display name has up to 30 letters, digits, spaces, hyphens and"
            " underscores, and begins and ends with a letter or digit."
        )
        raise invalid(message, field="displayName")
    return asked


def parent_name(asked: str, field: str) -> str:
    """Return the name of a folder or organization."""
    if not asked:
        raise required(f"{field} is required.", field=field)
    if not _PARENT.fullmatch(asked):
        message = f"{asked[:60]!r} is neither folders/NUMBER nor organizations/NUMBER."
        raise invalid(message, field=field)
    return asked


def lien_text(asked: str, field: str, *, needed: bool) -> str:
    """Return the reason or the origin of a lien."""
    if needed and not asked:
        raise required(f"A lien needs a {field}.", field=field)
    if len(asked) > LIEN_TEXT_CHARS_MAX:
        message = f"The {field} of a lien has up to {LIEN_TEXT_CHARS_MAX} characters."
        raise invalid(message, field=field)
    return asked


def restrictions(asked: list[str]) -> tuple[str, ...]:
    """Return what a lien forbids."""
    if not asked:
        raise required("A lien needs a restriction.", field="restrictions")
    if set(asked) != {DELETION}:
        raise invalid(f"The only restriction of a lien is {DELETION}.", field="restrictions")
    return (DELETION,)
