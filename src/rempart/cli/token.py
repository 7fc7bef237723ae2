"""`rempart token`: a bearer token for `curl`, made from a key file without asking the server."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from rempart.cli import client_files, options

LIFETIME_SECONDS = 3600
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


@click.command("token")
@options.data_option
@click.option(
    "--key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Another service account's key file than the administrator's.",
)
def command(data: Path, key: Path | None) -> None:
    """Print a bearer token, good for an hour.

    curl -H "Authorization: Bearer $(rempart token)" "$REMPART_URL/storage/v1/b?project=P"
    """
    if key is None:
        options.existing(data)
    click.echo(signed(key or data / client_files.KEY_NAME))


def signed(path: Path) -> str:
    """Return a token of the account whose key file this is."""
    import jwt  # noqa: PLC0415 - costs start-up time, and few commands need it

    now = int(time.time())
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        email = content["client_email"]
        claims = {
            "iss": email,
            "sub": email,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "scope": SCOPE,
        }
        headers = {"kid": content["private_key_id"]}
        token: str = jwt.encode(claims, content["private_key"], algorithm="RS256", headers=headers)
    except (OSError, ValueError, KeyError, TypeError):
        # The cause is left out: it could quote what stands in the file.
        options.refuse(f"{path} is not the key file of a service account.")
    return token
