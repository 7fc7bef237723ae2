"""Settings about AWS: which of its token services may be asked who signed a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from rempart.config.checks import LABEL
from rempart.config.settings import ConfigProblem

ENDPOINTS_MAX = 40

_ENDPOINT = re.compile(rf"https://{LABEL}(\.{LABEL})*(:[1-9][0-9]{{0,4}})?")


def sts_endpoints(path: Path, table: Mapping[str, object]) -> tuple[str, ...]:
    """Return the endpoints that may be asked; none unless they are named."""
    given = table.get("aws_sts_endpoints", [])
    named = given if isinstance(given, list) else [None]
    known = all(isinstance(one, str) and _ENDPOINT.fullmatch(one) for one in named)
    if len(named) > ENDPOINTS_MAX or not known:
        raise ConfigProblem(
            f"{path}: aws_sts_endpoints is a list of up to {ENDPOINTS_MAX} addresses such as"
            ' "https://sts.eu-west-3.amazonaws.com", without a path.'
        )
    return tuple(named)


def sts_unsigned_target(path: Path, table: Mapping[str, object]) -> bool:
    """Return whether requests are taken that do not sign which provider they are for."""
    given = table.get("aws_sts_unsigned_target", False)
    if not isinstance(given, bool):
        raise ConfigProblem(f"{path}: aws_sts_unsigned_target is true or false.")
    return given
