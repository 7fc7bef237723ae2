"""What `rempart doctor` says of the log: the running universe's word, or the policy on the disk."""

from __future__ import annotations

from pathlib import Path

from rempart.cli.finding import Finding
from rempart.cli.log_site import LogState, state
from rempart.cosigners.asking import Fault
from rempart.cosigners.quorum import POLICY_FILE, BadPolicy, check_policy

_WELL = {"", "unasked", Fault.LATE.value}


def examine_log(data: Path) -> list[Finding]:
    """Return what is to be told of the log; of one at rest only what would refuse a start."""
    found = state(data)
    return _at_rest(data) if found is None else [_running(found)]


def _running(found: LogState) -> Finding:
    if found.problem:
        remedy = "See `rempart log witnesses`."
        return Finding("log", ok=False, detail=found.problem, remedy=remedy)
    if not found.witnesses:
        detail = "no witness: who has the log's key could show two histories"
        remedy = "For more than a trial: rempart log add-witness (docs/log.md)."
        return Finding("log", ok=True, detail=detail, remedy=remedy)
    lost = [one for one in found.witnesses if one["fault"] not in _WELL]
    if lost:
        detail = " ".join(f"{one['name']} does not cosign: {one['message']}" for one in lost)
        remedy = "The others are enough as yet. See to it, or remove it (docs/log.md)."
        return Finding("log", ok=True, detail=detail, remedy=remedy)
    return Finding("log", ok=True, detail=f"{found.published} entries, witnessed")


def _at_rest(data: Path) -> list[Finding]:
    try:
        check_policy(data)
    except BadPolicy as problem:
        remedy = f"Correct {data / POLICY_FILE} (docs/log.md): it refuses the next start."
        return [Finding("log", ok=False, detail=str(problem), remedy=remedy)]
    return []
