"""The settings of one key holder: `DIR/ekm.toml`, made by `rempart ekm init`.

An unknown key refuses the start, because a mistyped setting would otherwise be silently ignored.
Secrets are never settings: they are named by path or descriptor, or asked for.
"""

from __future__ import annotations

import re
import stat
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path

from rempart import durable
from rempart.core.address import Address, parse_address
from rempart.trust.custody.pkcs11.token import TokenSettings

FORMAT = 1
FILE_NAME = "ekm.toml"
DEFAULT_LISTEN = "127.0.0.1:8445"
DEFAULT_STATUS = "127.0.0.1:8446"
HTTPS_PORT = 443
TOKEN_LABEL_BYTES_MAX = 32
LOG_NUMBER_MAX = 10_000

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|[0-9a-f:]{2,45}")
_AUDIENCE = re.compile(r"https://[\x21-\x7e]{1,500}")


class SettingsProblem(Exception):  # noqa: N818 - it is named for what it is
    """A setting that refuses the start; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, checked."""

    host: str
    """Name of this manager, which its certificate carries and callers ask for."""
    listen: Address
    status: Address | None
    """Where the status page is, on this machine only; None is nowhere."""
    audiences: tuple[str, ...]
    """What tokens must be for; empty means `https://HOST`, with the port where it is not 443."""
    client_authority: str
    """PEM file of the authority that callers' certificates must come from; empty asks for none."""
    passphrase_file: str
    """Where the passphrase is read, a path or `fd:NUMBER`; empty asks on the terminal."""
    key_file: str
    """The key file in place of a passphrase; empty where there is a passphrase."""
    hsm: TokenSettings | None = None
    """The token that new keys are made in; None where they are software."""
    log_number: int = 1
    """Which log of this manager it is: another one begins after a backup was put back."""

    def audience(self, port: int) -> frozenset[str]:
        """Return the audiences of a manager that listens on this port."""
        if self.audiences:
            return frozenset(self.audiences)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return frozenset({f"https://{host}" if port == HTTPS_PORT else f"https://{host}:{port}"})


def address(text: str, setting: str) -> Address:
    """Return the address that `HOST:PORT` names."""
    found = parse_address(text)
    if found is None:
        raise SettingsProblem(f"{setting} is {text!r}: give HOST:PORT, such as {DEFAULT_LISTEN}.")
    return found


def toml(settings: Settings) -> str:
    """Return the text of the file for these settings."""
    audiences = ", ".join(_quoted(audience) for audience in settings.audiences)
    return f"""\
# Settings of this key holder, written by `rempart ekm init`. An unknown key refuses the start.

# Version of this data directory. Never edit it.
format = {FORMAT}

# Name of this manager; its certificate carries it. Fixed by init.
host = {_quoted(settings.host)}

# Where the cloud reaches it.
listen = {_quoted(str(settings.listen))}

# Where the read-only status page is, on this machine only. Empty: nowhere.
status = {_quoted(str(settings.status) if settings.status else "")}

# What callers' tokens must be for. Empty: https://host, with the port where it is not 443.
audiences = [{audiences}]

# A PEM file: callers must have a certificate of this authority. Empty: they need none.
client_authority = {_quoted(settings.client_authority)}

# Where the passphrase is read: a path, or fd:NUMBER. Empty: asked on the terminal.
passphrase_file = {_quoted(settings.passphrase_file)}

# The key file, in place of a passphrase. Keep it on other storage than this directory.
key_file = {_quoted(settings.key_file)}

# After an older copy of this directory was put back, another log begins: give it the next number.
# log_number = 2

# A PKCS #11 token: then new keys are made in it, and the others stay where they are. All three are
# needed: the vendor's module, the token's label, a file (mode 0600) with the user's PIN.
# [hsm]
# module = "/usr/lib/softhsm/libsofthsm2.so"
# token = "keys"
# pin_file = "/etc/rempart/pin"
"""


def name_secret(data: Path, *, passphrase_file: str, key_file: str) -> None:
    """Write into the file where the sealing secret is read; what else it says stays."""
    path = data / FILE_NAME
    told = path.read_text(encoding="utf-8")
    for name, value in (("passphrase_file", passphrase_file), ("key_file", key_file)):
        line = f"{name} = {_quoted(value)}"
        told = re.sub(rf"^{name}\s*=.*$", line, told, count=1, flags=re.MULTILINE)
    durable.replace(path, told.encode())


def load(data: Path) -> Settings:
    """Return the settings of a data directory."""
    path = data / FILE_NAME
    if not path.is_file():
        raise SettingsProblem(f"There is no key holder in {data}. Make one: rempart ekm init")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise SettingsProblem(f"{path} cannot be read: {problem}.") from problem
    _check_keys(path, table)
    texts = {name: _text(path, table, name) for name in _TEXTS}
    audiences = table["audiences"]
    if not isinstance(audiences, list) or not all(isinstance(item, str) for item in audiences):
        raise SettingsProblem(f"{path}: audiences is a list of texts.")
    settings = checked(
        host=texts["host"],
        listen=texts["listen"],
        status=texts["status"],
        audiences=tuple(audiences),
        client_authority=texts["client_authority"],
        passphrase_file=texts["passphrase_file"],
        key_file=texts["key_file"],
    )
    return replace(
        settings,
        hsm=_hsm(path, table["hsm"]) if "hsm" in table else None,
        log_number=_log_number(path, table.get("log_number", 1)),
    )


def checked(  # noqa: PLR0913 - each is one setting
    *,
    host: str,
    listen: str,
    status: str,
    audiences: tuple[str, ...] = (),
    client_authority: str = "",
    passphrase_file: str = "",
    key_file: str = "",
) -> Settings:
    """Return settings, or refuse the first that is wrong."""
    if not _HOST.fullmatch(host):
        raise SettingsProblem(f"host is {host!r}: give a DNS name in small letters, or an address.")
    page = address(status, "status") if status else None
    if page is not None and not page.loopback:
        raise SettingsProblem(f"status is {status!r}: the status page is for this machine only.")
    for audience in audiences:
        if not _AUDIENCE.fullmatch(audience):
            raise SettingsProblem(f"audiences: {audience!r} is not https://….")
    if passphrase_file and key_file:
        raise SettingsProblem("passphrase_file and key_file: give one of them.")
    for name, text in (("client_authority", client_authority), ("key_file", key_file)):
        if text and not Path(text).is_absolute():
            raise SettingsProblem(f"{name} is {text!r}: give a path from the root.")
    return Settings(
        host=host,
        listen=address(listen, "listen"),
        status=page,
        audiences=audiences,
        client_authority=client_authority,
        passphrase_file=passphrase_file,
        key_file=key_file,
    )


_KEYS = frozenset({"format", *(field.name for field in fields(Settings))})
_OPTIONAL = {"hsm", "log_number"}
_TEXTS = _KEYS - _OPTIONAL - {"format", "audiences"}
_HSM_KEYS = {"module", "token", "pin_file"}


def _check_keys(path: Path, table: dict[str, object]) -> None:
    version = table.get("format")
    if type(version) is not int or version < 1:
        raise SettingsProblem(f"{path}: format is a whole number. Undo the edit.")
    if version > FORMAT:
        raise SettingsProblem(
            f"{path.parent} was written by a newer Rempart (format {version}; this one knows "
            f"{FORMAT}). Start it with that version."
        )
    unknown = sorted(table.keys() - _KEYS)
    if unknown:
        known = ", ".join(sorted(_KEYS))
        raise SettingsProblem(f"{path}: unknown key {unknown[0]!r}. Known: {known}.")
    missing = sorted(_KEYS - _OPTIONAL - table.keys())
    if missing:
        raise SettingsProblem(f"{path}: the key {missing[0]!r} is missing. Undo the edit.")


def _hsm(path: Path, table: object) -> TokenSettings:
    if not isinstance(table, dict) or table.keys() != _HSM_KEYS:
        raise SettingsProblem(f"{path}: [hsm] has the keys module, token and pin_file, no others.")
    module, pin_file = (Path(_text(path, table, name)) for name in ("module", "pin_file"))
    for name, file in (("module", module), ("pin_file", pin_file)):
        if not file.is_absolute() or not file.is_file():
            raise SettingsProblem(
                f"{path}: {name} of [hsm] is {str(file)!r}: give the absolute path of a file."
            )
    if stat.S_IMODE(pin_file.stat().st_mode) & 0o077:
        raise SettingsProblem(f"{pin_file} is open to others: run `chmod 600 {pin_file}`.")
    label = _text(path, table, "token")
    if not 0 < len(label.encode()) <= TOKEN_LABEL_BYTES_MAX:
        raise SettingsProblem(f"{path}: token of [hsm] is the token's label, 1 to 32 bytes.")
    return TokenSettings(module, label, pin_file)


def _log_number(path: Path, value: object) -> int:
    if type(value) is not int or not 1 <= value <= LOG_NUMBER_MAX:
        raise SettingsProblem(f"{path}: log_number is from 1 to {LOG_NUMBER_MAX}.")
    return value


def _text(path: Path, table: dict[str, object], key: str) -> str:
    value = table[key]
    if not isinstance(value, str):
        raise SettingsProblem(f"{path}: {key} is a text in quotes.")
    return value


def _quoted(text: str) -> str:
    if not text.isprintable() or '"' in text or "\\" in text:
        raise SettingsProblem(f"{text!r}: a setting has no quotes, backslashes and controls.")
    return f'"{text}"'
