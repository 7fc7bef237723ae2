"""`rempart ekm propose`: what officers decide together, one command for each decision."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import click
import msgspec

from rempart.core.document import Document
from rempart.ekm.administration import actions
from rempart.ekm.cli import options, reach, signing
from rempart.ekm.model.algorithms import NAMES, SYMMETRIC
from rempart.ekm.policy.file import parse
from rempart.ekm.policy.reader import PolicyProblem
from rempart.ekm.policy.warnings import warnings

HOURS_MAX = 7 * 24
Make = Callable[..., actions.Action]
_person = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_name = click.argument("name")
_key = click.argument("key", metavar="v0/cryptospaces/SPACE/keys/KEY")


@click.group("propose")
def command() -> None:
    """Propose a decision, and consent to it; it is carried out when enough others do."""


def _proposing(make: Make) -> Callable[..., None]:
    """Return a command's function: what `make` makes of its arguments is signed and handed in."""

    @functools.wraps(make)
    def run(*, hours: int, note: str, as_json: bool, **given: object) -> None:
        ours = {name: given.pop(name) for name in _SESSION}
        try:
            action = msgspec.convert(msgspec.to_builtins(make(**given)), actions.Action)
        except msgspec.ValidationError as problem:
            options.refuse(f"This cannot be proposed: {problem}")
        hand_in(action, hours=hours, note=note, as_json=as_json, **ours)

    decorators = (
        click.option("--hours", type=click.IntRange(1, HOURS_MAX), default=24, show_default=True,
                     help="How long it waits for consents."),
        click.option("--note", default="", help="What the others should know."),
        reach.officer_options,
        options.json_option,
    )  # fmt: skip
    for decorator in reversed(decorators):
        run = decorator(run)
    return run


def hand_in(
    action: actions.Action, *, hours: int, note: str, as_json: bool, **ours: object
) -> None:
    """Sign a proposal and hand it in."""
    session = reach.session(**ours)  # type: ignore[arg-type]  # the options, by their names
    token = session.desk.proposal(action, basis=session.basis, seconds=hours * 3600, note=note)
    say(session.way.hear(token), as_json=as_json)


def say(answer: Document, *, as_json: bool) -> None:
    """Say what became of a proposal."""
    if as_json:
        options.show_json(dict(answer))
    elif answer["waiting"]:
        click.echo(f"Proposed: {answer['digest']}")
        click.echo(
            f"The others consent:  rempart ekm approve {str(answer['digest'])[:12]} --officer KEY"
        )
    else:
        click.echo("Decided and carried out.")


_SESSION = ("data", "url", "certificate", "officer", "officer_passphrase_file")


@command.command("add-officer")
@_person
@_proposing
def _add_officer(*, file: Path) -> actions.Action:
    """Let somebody decide with the others, by their public part."""
    person = signing.signatory(file)
    return actions.AddOfficer(name=person.name, key=person.key)


@command.command("remove-officer")
@_name
@_proposing
def _remove_officer(*, name: str) -> actions.Action:
    """Let somebody decide no more."""
    return actions.RemoveOfficer(name=name)


@command.command("quorum")
@click.argument("quorum", type=int)
@_proposing
def _quorum(*, quorum: int) -> actions.Action:
    """Change how many officers decide."""
    return actions.SetQuorum(quorum=quorum)


@command.command("add-approver")
@_person
@_proposing
def _add_approver(*, file: Path) -> actions.Action:
    """Let somebody's signed approvals count, by their public part."""
    person = signing.signatory(file)
    return actions.AddApprover(name=person.name, key=person.key)


@command.command("remove-approver")
@_name
@_proposing
def _remove_approver(*, name: str) -> actions.Action:
    """Let somebody's approvals count no more."""
    return actions.RemoveApprover(name=name)


@command.command("policy")
@click.argument("policy", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_proposing
def _policy(*, policy: Path) -> actions.Action:
    """Put a policy file in force."""
    try:
        # The very bytes: officers compare their SHA-256 with what other tools say.
        text = policy.read_bytes().decode()
        for warning in warnings(parse(text)):
            click.echo(f"Warning: {warning}.", err=True)
    except (PolicyProblem, OSError, UnicodeDecodeError) as problem:
        options.refuse(f"{policy}: {problem}")
    return actions.AdoptPolicy(sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)


@command.command("create-space")
@click.argument("space", metavar="v0/cryptospaces/SPACE")
@_proposing
def _create_space(*, space: str) -> actions.Action:
    """Make a crypto space."""
    return actions.CreateSpace(space=space)


@command.command("create-key")
@_key
@click.option("--algorithm", type=click.Choice(NAMES), default=SYMMETRIC, show_default=True)
@click.option("--cache-seconds", type=int, default=0, show_default=True)
@options.home_option
@_proposing
def _create_key(
    *, key: str, algorithm: str, cache_seconds: int, home: Literal["software", "token"] | None
) -> actions.Action:
    """Make a key, and its crypto space where there is none."""
    return actions.CreateKey(
        key=key, algorithm=algorithm, cache_seconds=cache_seconds, home=home or ""
    )


@command.command("destroy-key")
@_key
@_proposing
def _destroy_key(*, key: str) -> actions.Action:
    """Erase a key's material for good: what it wrapped is lost."""
    return actions.DestroyKey(key=key)


@command.command("remove-left-over")
@click.argument("id_", metavar="ID")
@click.argument("label", nargs=-1, required=True)
@_proposing
def _remove_left_over(*, id_: str, label: tuple[str, ...]) -> actions.Action:
    """Destroy an object in the token that is no key's, as `rempart ekm hsm` lists it."""
    return actions.RemoveLeftOver(id=id_, label=" ".join(label))


@command.command("cache")
@_key
@click.argument("seconds", type=int)
@_proposing
def _cache(*, key: str, seconds: int) -> actions.Action:
    """Say how long a cloud may keep what a key unwrapped."""
    return actions.SetCacheDuration(key=key, seconds=seconds)


@command.command("trust")
@click.argument("issuer", metavar="https://ISSUER")
@click.option("--mail-domain", multiple=True, required=True, help="Of service-NUMBER@DOMAIN.")
@click.option("--keys-file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--keys-url", default="", metavar="URL", help="Where its JWK set is fetched.")
@click.option("--authority", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--audience", multiple=True, help="In place of this manager's address.")
@_proposing
def _trust(
    *,
    issuer: str,
    mail_domain: tuple[str, ...],
    keys_file: Path | None,
    keys_url: str,
    authority: Path | None,
    audience: tuple[str, ...],
) -> actions.Action:
    """Listen to the callers that an issuer vouches for."""
    return actions.TrustIssuer(
        issuer=issuer,
        mail_domains=mail_domain,
        audiences=audience,
        keys=keys_file.read_text() if keys_file else "",
        keys_url=keys_url,
        authority=authority.read_text() if authority else "",
    )


@command.command("distrust")
@click.argument("issuer", metavar="https://ISSUER")
@_proposing
def _distrust(*, issuer: str) -> actions.Action:
    """Listen no more to the callers of an issuer."""
    return actions.DistrustIssuer(issuer=issuer)
