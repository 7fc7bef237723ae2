"""`rempart log add-witness`, `remove-witness`, `set-quorum`: who has to cosign the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from rempart.cli import options
from rempart.cli.log_site import LogState, ask, state
from rempart.cli.pinning import Unpinned, pinned
from rempart.cosigners.asking import Fault
from rempart.cosigners.demand import Demand, demand_of, write
from rempart.cosigners.quorum import POLICY_FILE, BadPolicy, read_policy
from rempart.tlog.errors import Malformed
from rempart.tlog.keys import parse_verifier_key
from rempart.tlog.policy import Witness, parse_policy

TAKEN_UP_SECONDS_MAX = 20.0
ASKED_SECONDS_MAX = 10.0
PAUSE_SECONDS = 0.2
UNASKED = "unasked"
ANSWERS = {
    "": "cosigned.",
    UNASKED: "was not asked yet (see `rempart log witnesses`).",
    Fault.OFFLINE.value: "cannot be reached.",
    Fault.LATE.value: "was slower than the others, who were enough.",
    Fault.REFUSED.value: "refuses to cosign.",
    Fault.UNKNOWN.value: "does not know this log.",
    Fault.AHEAD.value: "has seen another log of this name.",
    Fault.FORKED.value: "has seen another log of this name.",
    Fault.FALSE.value: "gave no cosignature of the key that you named.",
}
WAITING = "Nothing new is published until that is set right: without it the quorum is not met."
UNCHANGED = (
    "Nothing was changed: no policy undoes what a witness saw. A backup that was put back knowingly"
    " goes on as another log (log_number, docs/log.md)."
)

_quorum = click.option(
    "--quorum",
    type=click.IntRange(0),
    metavar="N",
    help="How many are demanded.  [default: all; as many as before, if that was not all]",
)


@click.command("add-witness")
@click.argument("url")
@click.argument("vkey")
@options.data_option
@click.option("--name", metavar="NAME", help="In the policy.  [default: made of its key's]")
@click.option(
    "--certificate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Its certificate (PEM), or that of its authority: no other is believed.",
)
@click.option("--fingerprint", metavar="SHA256", help="Of its certificate, which is fetched.")
@_quorum
def add_witness(  # noqa: PLR0913 - each is one word of the command
    *,
    url: str,
    vkey: str,
    data: Path,
    name: str | None,
    certificate: Path | None,
    fingerprint: str | None,
    quorum: int | None,
) -> None:
    """Have the witness at URL cosign the log; VKEY is its verifier key.

    One that is there already gets another address or certificate. Without --certificate and
    --fingerprint, an authority that this machine trusts must vouch for its certificate.
    """
    with _refusing():
        key = parse_verifier_key(vkey)
        before = _current(data)
        name = name or before.name_of(key)
        demand = before.with_witness(Witness(name.encode(), key, url), quorum)
        _ = demand.policy  # what is malformed is refused before anybody is asked
        write(data, demand, {name: pinned(url, certificate, fingerprint)})
    _show(data, demand, key.name)


@click.command("remove-witness")
@click.argument("name")
@options.data_option
@_quorum
def remove_witness(*, name: str, data: Path, quorum: int | None) -> None:
    """Ask the witness of this name no more: that of the policy, or that of its key."""
    with _refusing():
        before = _current(data)
        name = before.found(name)
        demand = before.without(name, quorum)
        write(data, demand, {name: ""})
    _show(data, demand)


@click.command("set-quorum")
@click.argument("count", metavar="N", type=click.IntRange(0))
@options.data_option
def set_quorum(*, count: int, data: Path) -> None:
    """Demand the cosignatures of N witnesses before a checkpoint is published."""
    with _refusing():
        before = _current(data)
        demand = before.changed(before.witnesses, count)
        write(data, demand)
    _show(data, demand)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (BadPolicy, Malformed, Unpinned) as problem:
        options.refuse(str(problem))
    except OSError as problem:
        options.refuse(f"{problem.filename or 'The data directory'}: {problem.strerror}.")


def _current(data: Path) -> Demand:
    """Return what is demanded now, by the file or, without one, by the running universe.

    Refused while a witness of the running universe has seen another log.
    """
    options.existing(data)
    found = state(data)
    if found is not None and found.alarm:
        raise BadPolicy(f"{found.alarm} {UNCHANGED}")
    policy = read_policy(data)
    if policy is None:
        content = ask(data, "policy")
        if content is None:
            options.refuse(f"The log's key is needed. Start it: rempart up --data {data}")
        policy = parse_policy(content)
    return demand_of(policy)


def _show(data: Path, demand: Demand, added: str = "") -> None:
    """Say what is demanded and since when; ends with 1 where the universe does not take it up."""
    click.echo(demand.said)
    if ask(data, "policy") is None:
        click.echo(f"Written to {data / POLICY_FILE}; it counts from the next start.")
        return
    content = demand.policy.encode()
    if not _within(TAKEN_UP_SECONDS_MAX, lambda: ask(data, "policy") == content):
        found = state(data)
        why = found.document["policyProblem"] if found else "It does not answer."
        options.refuse(f"Written to {data / POLICY_FILE}; the universe does not use it: {why}")
    click.echo("The universe has taken it up.")
    if added:
        _show_new(data, added)


def _show_new(data: Path, name: str) -> None:
    """Say what a new witness answered; ends with 1 where it does not cosign."""
    _within(ASKED_SECONDS_MAX, lambda: _fault(state(data), name)[0] != UNASKED)
    found = state(data)
    fault, message = _fault(found, name)
    click.echo(f"The new witness {ANSWERS[fault]} {message}".rstrip())
    if fault in {"", Fault.LATE.value}:
        return
    if fault == Fault.UNKNOWN.value:
        own = (ask(data, "key") or b"").decode().strip()
        click.echo(f"Its operator has it know this log by:  rempart witness add-log {own}")
    if found is not None and found.document["lacking"]:
        click.echo(f"It is in the policy all the same. {WAITING}")
    raise SystemExit(1)


def _fault(found: LogState | None, name: str) -> tuple[str, str]:
    told = (one for one in found.witnesses if one["name"] == name) if found else iter(())
    return next(((one["fault"], one["message"]) for one in told), (UNASKED, ""))


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    ends = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends:
            return False
        time.sleep(PAUSE_SECONDS)
    return True
