"""How sensitive data is: four levels, under French and European names too, as a label says.

The label `rempart-sensitivity` stands on projects and buckets; what is in them is as sensitive as
the higher of the two. A value that nobody knows counts as the highest.
"""

from __future__ import annotations

from collections.abc import Mapping

from rempart.core.call import Call
from rempart.core.errors import invalid
from rempart.core.labels import SENSITIVITY

LOWER = "rempart.sensitivity.lower"
"""The permission to lower a level, or to take the label away."""

LEVELS = ("public", "internal", "sensitive", "restricted")
_ALIASES = {
    "public": ("publique", "non-protege", "tlp-clear"),
    "internal": ("interne", "usage-interne", "commission-use", "tlp-green"),
    "sensitive": ("sensible", "limite", "sensitive-eu", "eu-sensitive", "tlp-amber"),
    "restricted": (
        "restreint",
        "diffusion-restreinte",
        "dr",
        "restreint-ue",
        "eu-restricted",
        "r-ue-eu-r",
        "tlp-red",
    ),
}
_RANK = {name: rank for rank, level in enumerate(LEVELS) for name in (level, *_ALIASES[level])}
_HIGHEST = len(LEVELS) - 1


def rank(value: str) -> int:
    """Return how sensitive a label's value is, from 0; one that is unknown is the highest."""
    return _RANK.get(value.lower(), _HIGHEST) if value else 0


def level(*values: str) -> str:
    """Return the level of what stands under these labels; empty where none has one."""
    labelled = [rank(value) for value in values if value]
    return LEVELS[max(labelled)] if labelled else ""


def asked_for(call: Call, old: str) -> str:
    """Return the value of the label after a change of labels; raises `invalid` for an unknown one.

    A PATCH of Cloud Storage merges labels; one with an update mask, and a PUT, replace them.
    """
    labels = call.document.get("labels")
    mask = call.query.get("updateMask", "")
    if mask and not any(path.strip().partition(".")[0] == "labels" for path in mask.split(",")):
        return old
    replaced = bool(mask) or call.verb == "PUT"
    if "labels" not in call.document:
        return "" if replaced else old
    if not isinstance(labels, Mapping):
        return ""
    if SENSITIVITY not in labels:
        return "" if replaced else old
    value = labels[SENSITIVITY]
    if value is None:
        return ""
    if not isinstance(value, str) or value.lower() not in _RANK:
        known = ", ".join(sorted(_RANK))
        message = f"{SENSITIVITY} takes one of: {known}."
        raise invalid(message, field=f"labels.{SENSITIVITY}")
    return value


def lowers(call: Call, old: str) -> bool:
    """Tell whether a change of labels lowers a level or takes it away."""
    new = asked_for(call, old)
    return bool(old) and (not new or rank(new) < rank(old))
