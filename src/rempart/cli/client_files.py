"""The files under `DIR/client` that clients are pointed at, each written anew and for its owner.

The user's own gcloud and gsutil configuration is never read nor written.
"""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from rempart.cli.client_variables import ClientFiles
from rempart.config import Config
from rempart.trust.custody import pki

KEY_NAME = "admin-key.json"
BUNDLE_NAME = "ca-bundle.pem"


class ClientFilesProblem(Exception):  # noqa: N818 - it is named for what it is
    """A file that clients need cannot be made; the message says why."""


def by_endpoint(
    data: Path, config: Config, project: str, port: int, *, universe_in_key: bool = True
) -> ClientFiles:
    """Write the files for clients that are told `https://localhost:PORT`.

    `universe_in_key=False` leaves the universe domain out of the key file, for programs that build
    a client without options: the libraries then take the key for one of googleapis.com.
    """
    token = f"https://localhost:{port}/token"
    changes: dict[str, str | None] = {"token_uri": token}
    if not universe_in_key:
        changes["universe_domain"] = None
    name = "key.json" if universe_in_key else "key-without-universe.json"
    key = _key(data, name, changes)
    # gsutil has no setting for a path: what it takes for a host name may end in one.
    kms, host = f"localhost:{port}/cloudkms", "localhost"
    boto = _boto(
        data, config, project, key, name="boto", host=host, port=port, kms=kms, token=token
    )
    return ClientFiles(key, _bundle(data), _gcloud(data), boto)


def by_universe(data: Path, config: Config, project: str) -> ClientFiles:
    """Write the files for clients that build host names from the universe domain."""
    host, token = f"storage.{config.domain}", f"https://oauth2.{config.domain}/token"
    key = _key(data, "key-universe.json", {"token_uri": token})
    kms, name = f"cloudkms.{config.domain}", "boto-universe"
    boto = _boto(data, config, project, key, name=name, host=host, port=443, kms=kms, token=token)
    return ClientFiles(key, _bundle(data), _gcloud(data), boto)


def _key(data: Path, name: str, changes: Mapping[str, str | None]) -> Path:
    source = data / KEY_NAME
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ClientFilesProblem(
            f"The administrator's key {source} cannot be read. Restore it from a backup."
        ) from None
    merged = {**content, **changes}
    kept = {field: value for field, value in merged.items() if value is not None}
    return _write(data, name, json.dumps(kept, indent=2) + "\n")


def _bundle(data: Path) -> Path:
    """Write our authority followed by the machine's own: many tools take one file and no other."""
    path = (data / BUNDLE_NAME).absolute()
    authority = pki.files(data).authority.read_text(encoding="ascii")
    known = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().openssl_cafile
    roots = Path(known)
    # In a shell that has already evaluated `rempart env`, the variable names this very file.
    if not roots.is_file() or BUNDLE_NAME in roots.name:
        roots = Path(ssl.get_default_verify_paths().openssl_cafile)
    try:
        system = roots.read_text(encoding="utf-8", errors="replace")
    except OSError:
        system = ""
    return _replace(path, authority + system, mode=0o644)


def _gcloud(data: Path) -> Path:
    path = _directory(data) / "gcloud"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def _boto(  # noqa: PLR0913 - each is one line of the file
    data: Path,
    config: Config,
    project: str,
    key: Path,
    *,
    name: str,
    host: str,
    port: int,
    kms: str,
    token: str,
) -> Path:
    state = _directory(data) / "gsutil"
    state.mkdir(mode=0o700, exist_ok=True)
    lines = [
        "[Credentials]",
        f"gs_service_key_file = {key}",
        f"gs_json_host = {host}",
        f"gs_json_port = {port}",
        f"gs_host = {host}",
        f"gs_port = {port}",
        f"gs_kms_host = {kms}",
        "[Boto]",
        "is_secure = True",
        "https_validate_certificates = True",
        f"ca_certificates_file = {(data / BUNDLE_NAME).absolute()}",
        "[GSUtil]",
        f"default_project_id = {project}",
        "prefer_api = json",
        f"state_dir = {state}",
        "software_update_check_period = 0",
        "disable_analytics_prompt = True",
        f"default_location = {config.regions[0]}",
        "[OAuth2]",
        f"provider_token_uri = {token}",
    ]
    return _write(data, name, "\n".join(lines) + "\n")


def _directory(data: Path) -> Path:
    path = (data / "client").absolute()
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def _write(data: Path, name: str, content: str) -> Path:
    return _replace(_directory(data) / name, content, mode=0o600)


def _replace(path: Path, content: str, *, mode: int) -> Path:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    temporary.replace(path)
    return path
