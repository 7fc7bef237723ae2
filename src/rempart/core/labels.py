"""Labels of resources: the same rules in every API of Google's.

Source: "Requirements for labels" in Google Cloud's documentation.
"""

from __future__ import annotations

import re

from rempart.core.errors import invalid
from rempart.core.limits import LABELS_MAX

SENSITIVITY = "rempart-sensitivity"
"""The label that says how sensitive what stands in a project or bucket is."""

_KEY = re.compile(r"[^\W\d_A-Z][\w-]{0,62}")
_VALUE = re.compile(r"[\w-]{0,63}")


def labels(pairs: dict[str, str]) -> dict[str, str]:
    """Return the labels, or raise `invalid` for one that breaks Google's rules."""
    if len(pairs) > LABELS_MAX:
        raise invalid(f"At most {LABELS_MAX} labels are allowed.", field="labels")
    for key, value in pairs.items():
        lower = key == key.lower() and value == value.lower()
        if not (lower and _KEY.fullmatch(key) and _VALUE.fullmatch(value)):
            message = (
                f"The label '{key[:63]}' is not allowed: keys begin with a lower-case letter; keys"
                " and values have up to 63 lower-case letters, digits, '_' and '-'."
            )
            raise invalid(message, field=f"labels.{key[:63]}")
    return pairs
