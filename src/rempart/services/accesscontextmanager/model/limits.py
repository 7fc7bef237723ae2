"""Google's limits of Access Context Manager and VPC Service Controls."""

from __future__ import annotations

SCOPED_POLICIES_MAX = 50
"""Of an organization, besides the one for all of it."""

LEVELS_MAX = 500
CONDITIONS_MAX = 40
LIST_ITEMS_MAX = 200
"""Of each attribute of a condition."""

PERIMETERS_MAX = 10_000
RESOURCES_MAX = 40_000
"""Of all perimeters of a policy together."""

RULE_ATTRIBUTES_MAX = 6000
"""Identities, sources, resources, operations and selectors of all rules of a policy together."""

RULE_TITLE_CHARS_MAX = 100
ID_CHARS_MAX = 50
TITLE_CHARS_MAX = 200
DESCRIPTION_CHARS_MAX = 2048
