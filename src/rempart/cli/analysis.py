"""Policy Analyzer's answers as rows: member, role, resource, condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rempart.cli.asking import organizations
from rempart.universe import Ask, NoAnswer, Question

Json = dict[str, Any]


async def analyses(ask: Ask, scope: str | None, selectors: Mapping[str, str]) -> list[Json]:
    """Return the analysis of a scope, or of each organization that the question fits."""
    found, refusal = list[Json](), NoAnswer("There is no organization.")
    for one in [scope] if scope else await organizations(ask):
        query = {f"analysisQuery.{name}": value for name, value in selectors.items()}
        try:
            asked = Question("cloudasset", "GET", f"v1/{one}:analyzeIamPolicy", query)
            found.append((await ask(asked))["mainAnalysis"])
        except NoAnswer as problem:
            refusal = problem
    if not found:
        raise refusal
    return found


def rows(found: list[Json]) -> list[Json]:
    """Return a row for each member and grant."""
    made = list[Json]()
    for result in [one for analysis in found for one in analysis.get("analysisResults", [])]:
        binding = result["iamBinding"]
        row = {"role": binding["role"], "resource": result["attachedResourceFullName"]}
        if "condition" in binding:
            row["condition"] = binding["condition"]["expression"]
        made += [{"member": one["name"]} | row for one in result["identityList"]["identities"]]
    return made


def incomplete(found: list[Json]) -> list[str]:
    """Return what the answers leave out, in words."""
    return [
        str(one["cause"]) for analysis in found for one in analysis.get("nonCriticalErrors", [])
    ]
