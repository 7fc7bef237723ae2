"""Wrap and unwrap over TLS: what opens, and everything that must not."""

from __future__ import annotations

import base64

import pytest

from rempart.ekm.keys.blob import PLAINTEXT_BYTES_MAX
from support.key_holder import KeyHolder, b64, use

PLAIN = b"a data encryption key of 32 byte"


def _wrap(holder: KeyHolder, plain: bytes = PLAIN, **how: object) -> bytes:
    answer = holder.ask("wrap", use(plaintext=b64(plain), **how))  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return base64.b64decode(answer.json()["wrappedBlob"])


def test_what_was_wrapped_unwraps(holder: KeyHolder) -> None:
    blob = _wrap(holder, aad=b"bound")
    answer = holder.ask("unwrap", use(wrappedBlob=b64(blob), aad=b"bound"))
    assert answer.json() == {"plaintext": b64(PLAIN), "allowedCacheDuration": "0s"}
    assert PLAIN not in blob


@pytest.mark.parametrize("size", [0, 1, PLAINTEXT_BYTES_MAX - 1, PLAINTEXT_BYTES_MAX])
def test_every_allowed_size_comes_back(holder: KeyHolder, size: int) -> None:
    blob = _wrap(holder, bytes(size))
    answer = holder.ask("unwrap", use(wrappedBlob=b64(blob)))
    assert base64.b64decode(answer.json()["plaintext"]) == bytes(size)
