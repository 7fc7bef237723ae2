"""`rempart support`: access of the operator's staff to what is a customer's, both sides of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import click
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from rempart.cli import options, reaching
from rempart.cli.reaching import Universe
from rempart.core.clock import Micros, system_clock, system_random
from rempart.core.document import moment
from rempart.core.signing import keys
from rempart.core.signing.keys import base64url
from rempart.ekm.approvals.approval import Approval, sign
from rempart.ekm.cli import signing
from rempart.ekm.cli.options import printable
from rempart.services.accessapproval.brought import BROUGHT_HEADER
from rempart.services.accessapproval.model.opening import REASONS
from rempart.services.accessapproval.signing import approver_name

_API = "accessapproval/v1"
_DESK = f"{_API}/supportRequests"
_ID_BYTES = 16
_SECOND = 1_000_000
_name = click.argument("name", metavar="REQUEST")
Json = dict[str, Any]


@click.group("support")
def command() -> None:
    """Ask customers for access, and decide on it; docs/support-access.md."""


@command.command("open")
@reaching.universe_options
@options.json_option
@click.argument("resource")
@click.option("--reason", type=click.Choice(REASONS), default=REASONS[0], show_default=True)
@click.option("--detail", required=True, help="Why, in words that the customer reads.")
@click.option("--case", required=True, help="The ticket that this is about.")
@click.option("--minutes", type=click.IntRange(1), default=60, show_default=True)
@click.option("--service", "services", multiple=True, help="Which API; needed for a project.")
@click.option("--begins", default="", metavar="TIME", help="Not before (RFC 3339).")
@click.option("--writes", is_flag=True, help="To change things too, not only to read.")
@click.option("--break-glass", multiple=True, metavar="WORD", help="An officer's, each.")
def _open(  # noqa: PLR0913 - each is one option
    *,
    url: str,
    key: Path,
    resource: str,
    reason: str,
    detail: str,
    services: tuple[str, ...],
    break_glass: tuple[str, ...],
    as_json: bool,
    **of: object,
) -> None:
    """Ask the customer for access to RESOURCE: gs://BUCKET/PREFIX, projects/ID, a full name."""
    document = {
        **{name: value for name, value in of.items() if value},
        "resource": resource,
        "reason": {"type": reason, "detail": detail},
        "services": list(services),
        **({"breakGlass": "~".join(break_glass)} if break_glass else {}),
    }
    _tell(Universe(url, key).ask("POST", _DESK, document), as_json=as_json)


@command.command("list")
@reaching.universe_options
@options.json_option
def _list(*, url: str, key: Path, as_json: bool) -> None:
    """List your own requests."""
    found = Universe(url, key).ask("GET", _DESK)
    if as_json:
        options.show_json(found)
        return
    for one in found.get("requests", []):
        asked = one["request"]
        click.echo(printable(f"{asked['name']}  {one['state']}  {asked['requestedResourceName']}"))


@command.command("show")
@reaching.universe_options
@options.json_option
@_name
def _show(*, url: str, key: Path, name: str, as_json: bool) -> None:
    """Show one of your requests, and what was done under it."""
    _tell(Universe(url, key).ask("GET", f"{_DESK}/{name}"), as_json=as_json)


@command.command("close")
@reaching.universe_options
@options.json_option
@_name
def _close(*, url: str, key: Path, name: str, as_json: bool) -> None:
    """End your access, or take a request back; the end record is written."""
    _tell(Universe(url, key).ask("POST", f"{_DESK}/{name}:close"), as_json=as_json)


@command.command("run", context_settings={"ignore_unknown_options": True})
@reaching.universe_options
@_name
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
def _run(*, url: str, key: Path, name: str, words: tuple[str, ...]) -> None:
    """Run a command while REQUEST is approved, and say what the universe counted under it."""
    universe = Universe(url, key)
    found = universe.ask("GET", f"{_DESK}/{name}")
    if found["state"] != "ACTIVE":
        options.refuse(f"{name} is {found['state']}: nothing was run.")
    code = subprocess.call(words, env={**os.environ, "REMPART_APPROVAL": name})  # noqa: S603 - asked for
    after = universe.ask("GET", f"{_DESK}/{name}")["session"]
    done = {part: after[part] - found["session"][part] for part in ("calls", "reads", "writes")}
    click.echo(
        f"{name}: {done['calls']} calls ({done['reads']} reads, {done['writes']} writes).", err=True
    )
    raise SystemExit(code)


# The customer's side.


@command.command("details")
@reaching.universe_options
@options.json_option
@_name
def _details(*, url: str, key: Path, name: str, as_json: bool) -> None:
    """Show all of a request to you: who asks, every signature, what was done."""
    _tell(Universe(url, key).ask("GET", f"{_API}/{name}:details"), as_json=as_json)


@command.command("withdraw")
@reaching.universe_options
@_name
def _withdraw(*, url: str, key: Path, name: str) -> None:
    """Take a dismissal back: the same may be asked for again."""
    Universe(url, key).ask("POST", f"{_API}/{name}:withdraw")
    click.echo(f"The dismissal of {name} is withdrawn.")


@command.command("approvers")
@reaching.universe_options
@click.argument("container")
@click.argument("count", type=click.IntRange(0), required=False)
def _approvers(*, url: str, key: Path, container: str, count: int | None) -> None:
    """Say, or set, how many different approvers an access to CONTAINER takes."""
    path = f"{_API}/{container}/supportSettings"
    universe = Universe(url, key)
    if count is not None:
        universe.ask("PATCH", path, {"approversNeeded": count})
    found = universe.ask("GET", path)
    click.echo(f"{found['effectiveApproversNeeded']} (set here: {found['approversNeeded']})")


@command.command("approver")
@reaching.universe_options
@click.argument("container")
def _approver(*, url: str, key: Path, container: str) -> None:
    """Print the key that signs approvals of CONTAINER, for `rempart ekm propose add-approver`."""
    universe = Universe(url, key)
    settings = universe.ask("GET", f"{_API}/{container}/accessApprovalSettings")
    version = settings.get("activeKeyVersion")
    if not version:
        options.refuse(f"{container} has no activeKeyVersion: its approvals prove nothing.")
    pem = universe.ask("GET", f"cloudkms/v1/{version}/publicKey")["pem"]
    public = load_pem_public_key(pem.encode())
    if not isinstance(public, Ed25519PublicKey | EllipticCurvePublicKey):
        options.refuse("A key holder verifies EC_SIGN_P256_SHA256 and EC_SIGN_ED25519 alone.")
    found = keys.of(public)
    options.show_json({"name": approver_name(found), "key": msgspec.to_builtins(found)})


@command.command("approve")
@reaching.universe_options
@options.json_option
@_name
@click.option("--approver", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              required=True, metavar="FILE", help="Your own signing key.")  # fmt: skip
@signing.passphrase_option
@click.option("--cloud", required=True, metavar="ISSUER", help="The cloud's token issuer.")
@click.option("--project", required=True, help="The project's number.")
def _approve(  # noqa: PLR0913 - each is one option
    *,
    url: str,
    key: Path,
    name: str,
    approver: Path,
    officer_passphrase_file: str,
    cloud: str,
    project: str,
    as_json: bool,
) -> None:
    """Approve REQUEST with a key of your own, which the key holder's program knows.

    What is signed never leaves you without the words that you were shown.
    """
    universe = Universe(url, key)
    details = universe.ask("GET", f"{_API}/{name}:details")
    if not details.get("externalKeys"):
        options.refuse("It lies under no external key: approve it with gcloud.")
    held, private = signing.opened(approver, officer_passphrase_file)
    claims = _claims(details, held.name, cloud, project)
    tokens = [sign(private, _approval(claims, path)) for path in details["externalKeys"]]
    answer = universe.ask("POST", f"{_API}/{name}:approve", {}, {BROUGHT_HEADER: "~".join(tokens)})
    if as_json:
        options.show_json(answer)
    else:
        click.echo(f"Approved {name} as {held.name}.")


def _claims(details: Json, name: str, cloud: str, project: str) -> Json:
    asked, now = details["request"], system_clock() // _SECOND
    scope = str(asked["requestedResourceName"])
    ends = moment(asked, "requestedExpiration") or Micros(0)
    return {
        "iss": name,
        "iat": now,
        "exp": max(now + 1, ends // _SECOND),
        "cloud": cloud,
        "project": project,
        "principal": details["principal"],
        "reasons": [asked["requestedReason"]["type"]],
        "target": scope.rstrip("/") if scope.startswith("projects/_/buckets/") else "",
        "detail": asked["requestedReason"]["detail"],
        "ticket": details["case"],
    }


def _approval(claims: Json, path: str) -> Approval:
    unique = {"keys": path, "jti": base64url(system_random(_ID_BYTES))}
    return msgspec.convert({**claims, **unique}, Approval)


def _tell(found: Json, *, as_json: bool) -> None:
    if as_json:
        options.show_json(found)
        return
    asked, done = found["request"], found["session"]
    reason = asked["requestedReason"]
    lines = (
        f"{asked['name']}  {found['state']}",
        f"  {found['access']} of {asked['requestedResourceName']}: {', '.join(found['services'])}",
        f"  {found['principal']} ({found['person']}, {found['employer']})",
        f"  {reason['type']}: {reason['detail']} (case {found['case']})",
        f"  from {found['begins']} to {asked['requestedExpiration']} at most",
        f"  {len(found['approvals'])} of {found['approversNeeded']} approvals",
        f"  {done['calls']} calls: {done['reads']} reads, {done['writes']} writes",
    )
    for line in lines:
        click.echo(printable(line))
    if "ended" in done:
        click.echo(f"  ended {done['ended']}: {done['cause']}, {done['answersCut']} answers cut")
