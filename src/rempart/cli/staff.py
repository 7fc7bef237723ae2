"""`rempart staff`: the register of the operator's people, and the rules that they act under."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import click
import msgspec

from rempart import durable
from rempart.cli import options
from rempart.core.clock import Micros, rfc3339, system_clock
from rempart.core.signing import statement
from rempart.core.signing.keys import Signatory
from rempart.ekm.cli import signing
from rempart.services.accessapproval import breaking
from rempart.services.accessapproval.breaking import BreakGlass
from rempart.trust.policy.sovereignty import approvals, register, rules
from rempart.trust.policy.sovereignty.approvals import Approval
from rempart.trust.policy.sovereignty.guard import RULES_FILE
from rempart.trust.policy.sovereignty.register import Content, Person, Register
from rempart.trust.policy.sovereignty.rules import Rules
from rempart.trust.policy.sovereignty.staff import REGISTER_FILE

_SECOND = 1_000_000
_DAY = 86_400
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
officer_option = click.option(
    "--officer",
    type=_FILE,
    required=True,
    envvar="REMPART_STAFF_OFFICER",
    metavar="FILE",
    help="The signer's key file, from `rempart ekm officer new`.",
)


class _Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file that is signed: tables of people and nothing besides."""

    staff: tuple[Person, ...]


@click.group("staff")
def command() -> None:
    """Keep the staff register: who acts for the operator, attested by an officer."""


@command.command("init")
@options.data_option
@click.option("--entity", required=True, help="The operator's name.")
@click.option("--domain", "domains", multiple=True, required=True, help="A domain of its staff.")
@click.option("--officer", type=_FILE, required=True, metavar="FILE", help="A public part.")
@click.option("--own", multiple=True, metavar="NAME", help="projects/ID and such that are yours.")
def _init(
    *, data: Path, entity: str, domains: tuple[str, ...], officer: Path, own: tuple[str, ...]
) -> None:
    """Write the rules that encode SecNumCloud, with the officer whose signature counts."""
    path = data / RULES_FILE
    if path.exists():
        options.refuse(f"{path} exists already. It is unharmed.")
    text = rules.default_rules() + _ours(entity, domains, signing.signatory(officer), own)
    try:
        rules.parse_rules(text)
    except ValueError as problem:
        options.refuse(str(problem))
    durable.replace(path, text.encode())
    click.echo(f"Wrote {path}. Its rules hold at once for accounts under {', '.join(domains)}:")
    click.echo('say where they act from, by [[networks]] with the name "administration", then')
    click.echo(f"sign a register:  rempart staff sign staff.toml --officer KEY --data {data}")


@command.command("sign")
@click.argument("source", type=_FILE)
@options.data_option
@officer_option
@signing.passphrase_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Another file.")
@click.option("--days", type=click.IntRange(1, 366), default=92, show_default=True)
def _sign(
    *,
    source: Path,
    data: Path,
    officer: Path,
    officer_passphrase_file: str,
    out: Path | None,
    days: int,
) -> None:
    """Check a list of staff (TOML: a [[staff]] table each) and sign it as the register."""
    now = system_clock() // _SECOND
    # The serial is the time: a register that was signed later is newer.
    content = Content(register.FORMAT, now, now, now + days * _DAY, _people(source))
    try:
        register.checked(content, _vendors(data))
    except ValueError as problem:
        options.refuse(f"{source} is not signed: {problem}.")
    _, private = signing.opened(officer, officer_passphrase_file)
    token = statement.sign(private, register.TYPE, msgspec.json.encode(content))
    path = out or data / REGISTER_FILE
    durable.replace(path, token.encode() + b"\n")
    click.echo(f"Signed {len(content.staff)} people in {path}, serial {content.serial}.")


@command.command("check")
@options.data_option
@options.json_option
def _check(*, data: Path, as_json: bool) -> None:
    """Verify rules and register, and list who lacks what; exit code 1 where either is refused."""
    found, now = _register(data), system_clock()
    lacks = {one.name: _lacks(one, register.today(now)) for one in found.content.staff}
    expires = rfc3339(Micros(found.content.expires * _SECOND))
    if as_json:
        content = msgspec.to_builtins(found.content)
        options.show_json({"officer": found.officer, "register": content, "lacks": lacks})
    else:
        click.echo(f"Signed by {found.officer}, serial {found.content.serial}, until {expires}.")
        for name, missing in lacks.items():
            click.echo(f"{name}: {', '.join(missing) or 'in order'}")
    if not found.in_force(now):
        options.refuse("The register is not in force: sign a new one.")


@command.command("approve")
@officer_option
@signing.passphrase_option
@click.option("--principal", required=True, help="Who may act: user:EMAIL.")
@click.option("--permission", "permissions", multiple=True, required=True, help="For what.")
@click.option("--resource", required=True, help="On what, and on what is below it.")
@click.option("--minutes", type=click.IntRange(1, 7 * 1440), default=60, show_default=True)
def _approve(
    *,
    officer: Path,
    officer_passphrase_file: str,
    principal: str,
    permissions: tuple[str, ...],
    resource: str,
    minutes: int,
) -> None:
    """Print an approval of what somebody may do, for the header X-Rempart-Approval."""
    held, private = signing.opened(officer, officer_passphrase_file)
    now = system_clock() // _SECOND
    member = register.canonical(principal)
    said = Approval(held.name, now, now + minutes * 60, member, permissions, resource)
    click.echo(statement.sign(private, approvals.TYPE, msgspec.json.encode(said)))


@command.command("break-glass")
@officer_option
@signing.passphrase_option
@click.option("--principal", required=True, help="Who will act: user:EMAIL.")
@click.option("--resource", required=True, help="On what, as projects/_/buckets/B names it.")
@click.option("--case", required=True, help="In which case.")
@click.option("--minutes", type=click.IntRange(1, 60), default=15, show_default=True)
def _break_glass(
    *,
    officer: Path,
    officer_passphrase_file: str,
    principal: str,
    resource: str,
    case: str,
    minutes: int,
) -> None:
    """Print an officer's word that somebody may reach a customer's resource unasked."""
    held, private = signing.opened(officer, officer_passphrase_file)
    now = system_clock() // _SECOND
    member = register.canonical(principal)
    said = BreakGlass(held.name, now, now + minutes * 60, member, resource, case)
    click.echo(statement.sign(private, breaking.TYPE, msgspec.json.encode(said)))


def _ours(entity: str, domains: tuple[str, ...], officer: Signatory, own: tuple[str, ...]) -> str:
    """Return the tables that the default rules leave open; JSON's texts and lists are TOML's."""
    key = ", ".join(f"{name} = {_quoted(value)}" for name, value in _members(officer).items())
    return (
        f"\n[operator]\nentity = {_quoted(entity)}\ndomains = {_quoted(list(domains))}\n"
        f"own = {_quoted(list(own))}\n"
        f"\n[[officers]]\nname = {_quoted(officer.name)}\nkey = {{ {key} }}\n"
    )


def _members(officer: Signatory) -> dict[str, str]:
    members: dict[str, str] = msgspec.to_builtins(officer.key)
    return members


def _quoted(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _people(source: Path) -> tuple[Person, ...]:
    try:
        table = tomllib.loads(source.read_text(encoding="utf-8"))
        return msgspec.convert(table, _Source).staff
    except (ValueError, msgspec.ValidationError) as problem:
        options.refuse(f"{source} is no list of staff: {problem}.")


def _rules(data: Path) -> Rules:
    path = data / RULES_FILE
    try:
        return rules.read_rules(path)
    except OSError as problem:
        options.refuse(f"{path} cannot be read: {problem.strerror}. See: rempart staff init")
    except ValueError as problem:
        options.refuse(f"{path} is refused: {problem}.")


def _vendors(data: Path) -> list[str]:
    """Return the vendors that the rules name, where there are rules beside."""
    there = (data / RULES_FILE).exists()
    return [one.entity for one in _rules(data).vendors] if there else []


def _register(data: Path) -> Register:
    stated, path = _rules(data), data / REGISTER_FILE
    try:
        token = path.read_text(encoding="ascii").strip()
        return register.opened(token, stated.officers, [one.entity for one in stated.vendors])
    except OSError as problem:
        options.refuse(f"{path} cannot be read: {problem.strerror}.")
    except ValueError as problem:
        options.refuse(f"{path} is refused: {problem}.")


def _lacks(person: Person, today: date) -> list[str]:
    lacks = [] if person.cleared(today) else ["no clearance of 7.1.b in force"]
    return lacks + ([] if person.trained(today) else ["training overdue"])
