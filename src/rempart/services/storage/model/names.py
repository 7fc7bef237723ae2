"""Rules for the names of buckets, objects and managed folders.

Source: Cloud Storage documentation, "About Cloud Storage buckets" and "About Cloud Storage
objects". Names are data: no name of a caller ever becomes part of a path on disk.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from rempart.core.errors import invalid, required
from rempart.core.limits import OBJECT_NAME_BYTES_MAX
from rempart.core.names import BucketName, ObjectName

BUCKET_NAME_CHARS_MIN = 3
BUCKET_NAME_CHARS_MAX = 222
BUCKET_LABEL_CHARS_MAX = 63

_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
_FORBIDDEN = re.compile(r"[\x00\r\n]")


@lru_cache(maxsize=1024)
def bucket_name(text: str) -> BucketName:
    """Return the bucket name, or raise `invalid` saying which rule it breaks."""
    problem = _bucket_problem(text)
    if problem:
        raise invalid(f"Invalid bucket name: '{text[:80]}': {problem}", field="name")
    return BucketName(text)


def _bucket_problem(text: str) -> str:
    parts = text.split(".")
    if (
        not BUCKET_NAME_CHARS_MIN
        <= len(text)
        <= (BUCKET_NAME_CHARS_MAX if len(parts) > 1 else BUCKET_LABEL_CHARS_MAX)
    ):
        return "it must have 3 to 63 characters (222 with dots)."
    if not _BUCKET.fullmatch(text):
        return (
            "use lower-case letters, digits, '-', '_' and '.', with a letter or digit at each end."
        )
    if any(not part or len(part) > BUCKET_LABEL_CHARS_MAX for part in parts):
        return "each dot-separated part must have 1 to 63 characters."
    if any(part[0] == "-" or part[-1] == "-" for part in parts):
        return "no dot-separated part may begin or end with '-'."
    if text.startswith("goog") or "google" in text:
        return "names that begin with 'goog' or contain 'google' are reserved."
    return "it must not be an IP address." if _is_address(text) else ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def object_name(text: str, *, field: str = "name") -> ObjectName:
    """Return the object name, or raise `invalid` saying which rule it breaks.

    Names are compared byte by byte: Unicode normal forms stay apart, and `a//b`, `/a` and `a/../b`
    are ordinary names.
    """
    if not text:
        raise required("An object name is required.", field=field)
    try:
        length = len(text.encode())
    except UnicodeEncodeError as problem:
        raise invalid("The object name is not valid Unicode.", field=field) from problem
    if length > OBJECT_NAME_BYTES_MAX:
        message = f"The object name has {length} bytes in UTF-8; at most 1024 are allowed."
        raise invalid(message, field=field)
    if _FORBIDDEN.search(text):
        message = "Object names must not contain NUL, carriage return or line feed."
        raise invalid(message, field=field)
    if text in {".", ".."} or text.startswith(".well-known/acme-challenge/"):
        raise invalid(f"The object name '{text[:40]}' is not allowed.", field=field)
    return ObjectName(text)


def managed_folder_name(text: str) -> ObjectName:
    """Return the name of a managed folder, with its trailing slash."""
    return object_name(text if text.endswith("/") else text + "/")
