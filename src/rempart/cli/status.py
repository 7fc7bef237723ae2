"""`rempart status`: what runs on a data directory."""

from __future__ import annotations

import time
from pathlib import Path

import click

from rempart.cli import instance, log_site, options, sealed
from rempart.config import EMBEDDED
from rempart.trust.custody.sealing.door import SealState, UnsealAsk

SEALED_CODE = 3


@click.command("status")
@options.data_option
@options.json_option
def command(data: Path, *, as_json: bool) -> None:
    """Say what runs; exit code 0 if it does, 1 if not, 3 if it is sealed."""
    config, problem = options.reachable(data)
    found = instance.running(data)
    starting = found is None and instance.locked(data)
    seal = None if found is None else sealed.ask(data, UnsealAsk())
    facts: dict[str, object] = {
        "running": found is not None,
        "starting": starting,
        "data": str(data.absolute()),
        "domain": config.domain,
        "project": config.project,
        # A database URL may name a user and a host; the kind is all that status needs.
        "engine": EMBEDDED if config.engine == EMBEDDED else "postgresql",
    }
    if found is not None:
        facts |= {
            "pid": found.pid,
            "version": found.version,
            "uptime_seconds": int(time.time() - found.started),
            "listen": str(found.listen),
            "http": str(found.http),
        }
        facts |= {"sealed": False} if seal is None else _sealed(seal)
        facts |= _log(data) if seal is None else {}
    facts |= {"rules_problem": problem} if problem else {}
    if as_json:
        options.show_json(facts)
    else:
        for name, value in facts.items():
            click.echo(f"{name + ':':<16}{_shown(value)}")
        if found is None and not starting:
            click.echo(f"Start it: rempart up --data {data}")
        if "shares_needed" in facts:
            click.echo(f"Unseal it, each custodian: rempart unseal --data {data}")
    if facts.get("sealed"):
        raise SystemExit(SEALED_CODE)
    raise SystemExit(0 if found is not None else 1)


def _log(data: Path) -> dict[str, object]:
    found = log_site.state(data)
    if found is None:
        return {}
    cosigned = sum(not one["fault"] for one in found.witnesses)
    return {
        "log_entries": found.size,
        "log_published": found.published,
        "witnesses": f"{cosigned} of {len(found.witnesses)}" if found.witnesses else "none",
    } | ({"log_problem": found.problem} if found.problem else {})


def _sealed(seal: SealState) -> dict[str, object]:
    if seal.holder:
        return {"sealed": seal.sealed, "holder": seal.holder, "answer": seal.message or "none yet"}
    return {"sealed": seal.sealed, "shares_given": seal.given, "shares_needed": seal.needed}


def _shown(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
