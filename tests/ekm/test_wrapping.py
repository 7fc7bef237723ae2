"""Wrap and unwrap over TLS: what opens, and everything that must not."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.ekm.keys.blob import HEADER_BYTES, PLAINTEXT_BYTES_MAX, bound, unwrap, wrap
from rempart.trust.custody.errors import Tampered
from support.key_holder import RESOURCE, SPACE, KeyHolder, b64, use

PLAIN = b"a data encryption key of 32 byte"
VECTORS = Path(__file__).parents[2] / "docs/spec/vectors/ekm-blob.json"


def _wrap(holder: KeyHolder, plain: bytes = PLAIN, **how: Any) -> bytes:
    answer = holder.ask("wrap", use(plaintext=b64(plain), **how))
    assert answer.status_code == 200, answer.text
    return base64.b64decode(answer.json()["wrappedBlob"])


def _refused(answer: httpx.Response) -> bool:
    """Tell that a blob did not open, and that nothing is said about why."""
    error = answer.json()["error"]
    return (
        answer.status_code == 400
        and error["status"] == "INVALID_ARGUMENT"
        and error["details"][0]["reason"] == "DECRYPTION_FAILED"
        and error["message"].startswith("The blob does not open with this key")
    )


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


def test_the_same_plaintext_never_wraps_to_the_same_blob(holder: KeyHolder) -> None:
    assert _wrap(holder) != _wrap(holder)


def test_absent_and_empty_bindings_are_the_same(holder: KeyHolder) -> None:
    wrapped = holder.ask(
        "wrap",
        {
            "plaintext": b64(PLAIN),
            "additionalContext": {
                "accessReasonContext": {"reason": "CUSTOMER_INITIATED_ACCESS"},
                "relativeResourceName": None,
            },
        },
    ).json()
    body = {**use(resource=""), "additionalAuthenticatedData": "", **wrapped}
    assert holder.ask("unwrap", body).status_code == 200


@pytest.mark.parametrize(
    "how",
    [{"aad": b"other"}, {"aad": b""}, {"aad": b"bound\x00"}, {"resource": f"{RESOURCE}0"}],
    ids=["other AAD", "no AAD", "longer AAD", "another key version"],
)
def test_a_blob_does_not_open_under_another_binding(holder: KeyHolder, how: dict[str, Any]) -> None:
    blob = _wrap(holder, aad=b"bound")
    answer = holder.ask("unwrap", use(wrappedBlob=b64(blob), **{"aad": b"bound", **how}))
    assert _refused(answer)


def test_a_blob_does_not_open_where_resource_and_aad_were_shifted_into_each_other(
    holder: KeyHolder,
) -> None:
    blob = _wrap(holder, resource="ab", aad=b"c")
    assert _refused(holder.ask("unwrap", use(wrappedBlob=b64(blob), resource="a", aad=b"bc")))


def test_a_blob_does_not_open_under_another_key(holder: KeyHolder) -> None:
    other = f"{SPACE}/keys/other"
    holder.run("keys", "create", other)
    answer = holder.ask("unwrap", use(wrappedBlob=b64(_wrap(holder))), path=other)
    assert _refused(answer)


def test_no_altered_blob_opens(holder: KeyHolder) -> None:
    blob = _wrap(holder)
    header = HEADER_BYTES + 24 + 32
    positions = [*range(header), *range(header, len(blob), 7), len(blob) - 1]
    with holder.client() as client:
        for position in positions:
            for bit in (0x01, 0x80):
                altered = bytearray(blob)
                altered[position] ^= bit
                body = use(wrappedBlob=b64(bytes(altered)))
                assert _refused(holder.ask_over(client, "unwrap", body)), position


def test_no_cut_or_extended_blob_opens(holder: KeyHolder) -> None:
    blob = _wrap(holder)
    with holder.client() as client:
        for changed in [*(blob[:size] for size in range(len(blob))), blob + b"\x00", blob + blob]:
            body = use(wrappedBlob=b64(changed))
            assert _refused(holder.ask_over(client, "unwrap", body)), len(changed)


def test_a_blob_of_several_chunks_cannot_be_cut_at_a_chunk(holder: KeyHolder) -> None:
    blob = _wrap(holder, bytes(40_000))
    first = HEADER_BYTES + 24 + 32 + 16_384 + 16
    for changed in (blob[:first], blob[: 2 * first - HEADER_BYTES - 56]):
        assert _refused(holder.ask("unwrap", use(wrappedBlob=b64(changed))))


@given(
    plain=st.binary(max_size=200),
    resource=st.text(max_size=30),
    aad=st.binary(max_size=30),
    other=st.tuples(st.text(max_size=30), st.binary(max_size=30)),
)
def test_the_format_opens_under_its_own_binding_only(
    plain: bytes, resource: str, aad: bytes, other: tuple[str, bytes]
) -> None:
    key, key_id = bytes(range(32)), b"identity"
    blob = wrap(key, key_id, plain, bound(resource, aad))
    assert unwrap(key, key_id, blob, bound(resource, aad)) == plain
    if other != (resource, aad):
        with pytest.raises(Tampered):
            unwrap(key, key_id, blob, bound(*other))


@given(
    st.tuples(st.text(), st.binary()),
    st.tuples(st.text(), st.binary()),
)
def test_no_two_bindings_are_the_same_string(
    one: tuple[str, bytes], other: tuple[str, bytes]
) -> None:
    assert (bound(*one) == bound(*other)) == (one == other)


@pytest.mark.parametrize("vector", json.loads(VECTORS.read_text()), ids=lambda it: it["comment"])
def test_the_published_vectors_open(vector: dict[str, str]) -> None:
    opened = unwrap(
        bytes.fromhex(vector["key"]),
        bytes.fromhex(vector["keyId"]),
        bytes.fromhex(vector["blob"]),
        bound(vector["resource"], bytes.fromhex(vector["aad"])),
    )
    assert opened == bytes.fromhex(vector["plaintext"])
