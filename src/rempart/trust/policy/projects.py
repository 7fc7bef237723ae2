"""Projects by either of their names."""

from __future__ import annotations

from rempart.trust.custody.sealed import Transaction
from rempart.trust.policy.hierarchy import PROJECTS, Project

PROJECTS_BY_NUMBER_MAX = 10_000
"""How many projects are looked through for a number."""


async def project_named(tx: Transaction, project: str) -> Project | None:
    """Return a project by its id or its number."""
    found = await tx.get(PROJECTS, project)
    if found is not None or not project.isdecimal():
        return found
    every = await tx.scan(PROJECTS, PROJECTS.under(), limit=PROJECTS_BY_NUMBER_MAX)
    return next((one.value for one in every if one.value.number == project), None)
