"""Runs moto, told that a request without a body has none: it takes the query for it."""

from __future__ import annotations

import sys

from botocore.awsrequest import AWSRequest
from moto.iam import access_control
from moto.server import main


def _request(*, data: object, **parts: object) -> object:
    return AWSRequest(data=data if isinstance(data, bytes) else b"", **parts)


if __name__ == "__main__":
    vars(access_control)["AWSRequest"] = _request
    port, certificate, key = sys.argv[1:]
    main(["-H", "127.0.0.1", "-p", port, "-c", certificate, "-k", key])
