"""Google's own gRPC clients, over TLS, on the port of REST."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.api_core import exceptions
from google.cloud import kms_v1
from google.iam.v1 import iam_policy_pb2
from google.oauth2 import service_account
from google.protobuf.field_mask_pb2 import FieldMask

from rempart.edge.grpc.messages import google_messages
from rempart.wire.grpc import UnaryMethod, Variable, all_tables
from support.universe import Universe, program

HERE = Path(__file__).parent
SERVICE = "google.cloud.kms.v1.KeyManagementService"
METHODS = [(table.api, method) for table in all_tables() for method in table.methods]
NAMES = [f"{api}/{method.path.rpartition('.')[2]}" for api, method in METHODS]
REFUSALS = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNIMPLEMENTED}
# The libraries leave their connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

Connect = Callable[..., grpc.Channel]


@pytest.fixture(scope="module")
def connect(shell: Universe) -> Iterator[Connect]:
    """Return how to open a channel, under any host name of the universe."""
    channels: list[grpc.Channel] = []
    roots = Path(shell.env["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"]).read_bytes()

    @cache  # A channel reads all authorities of the world, which takes longer than a call.
    def connected(host: str = "", address: str = "localhost") -> grpc.Channel:
        options = (("grpc.ssl_target_name_override", host), ("grpc.default_authority", host))
        channel = grpc.secure_channel(
            f"{address}:{shell.listen}",
            grpc.ssl_channel_credentials(roots),
            options if host else (),
        )
        channels.append(channel)
        return channel

    yield connected
    for channel in channels:
        channel.close()


@pytest.fixture(scope="module", params=["grpc", "rest"])
def client(shell: Universe, request: pytest.FixtureRequest) -> kms_v1.KeyManagementServiceClient:
    return _client(shell, shell.admin_key, request.param)


def _client(
    universe: Universe, key: dict[str, str], transport: str = "grpc"
) -> kms_v1.KeyManagementServiceClient:
    prefix = "/cloudkms" if transport == "rest" else ""
    return kms_v1.KeyManagementServiceClient(
        credentials=service_account.Credentials.from_service_account_info(key),  # type: ignore[no-untyped-call]  # Google's is untyped
        transport=transport,
        client_options={
            "api_endpoint": f"localhost:{universe.listen}{prefix}",
            "universe_domain": universe.domain,
        },
    )


def call(
    channel: grpc.Channel, method: str, content: bytes = b"", *, token: str = "", **how: Any
) -> grpc.RpcError | bytes:
    metadata = [("authorization", f"Bearer {token}")] if token else []
    try:
        answer: bytes = channel.unary_unary(f"/{method}")(
            content, metadata=metadata, timeout=20, **how
        )
    except grpc.RpcError as problem:
        return problem
    return answer


def request(name: str, /, **fields: Any) -> bytes:
    return google_messages().write(f"google.cloud.kms.v1.{name}", fields)


def refused(answer: grpc.RpcError | bytes) -> grpc.StatusCode:
    assert isinstance(answer, grpc.RpcError), answer
    code: grpc.StatusCode = answer.code()
    return code


# The client library, by either transport.


def test_a_key_lives_its_life(client: kms_v1.KeyManagementServiceClient, shell: Universe) -> None:
    parent = f"projects/{shell.project}/locations/{shell.location}"
    ring = client.create_key_ring(parent=parent, key_ring_id=_fresh(), key_ring=kms_v1.KeyRing())
    purpose = kms_v1.CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT
    key = client.create_crypto_key(
        parent=ring.name,
        crypto_key_id="key",
        crypto_key=kms_v1.CryptoKey(purpose=purpose, labels={"a_b": "c"}),
    )
    assert key.purpose is purpose
    plaintext = bytes(range(256))
    sealed = client.encrypt(name=key.name, plaintext=plaintext).ciphertext
    assert client.decrypt(name=key.name, ciphertext=sealed).plaintext == plaintext
    changed = client.update_crypto_key(
        crypto_key=kms_v1.CryptoKey(name=key.name, labels={"x": "y"}),
        update_mask=FieldMask(paths=["labels"]),
    )
    assert dict(changed.labels) == {"x": "y"}
    assert [one.name for one in client.list_crypto_keys(parent=ring.name)] == [key.name]
    asked = iam_policy_pb2.GetIamPolicyRequest(resource=key.name)
    assert client.get_iam_policy(asked).etag
    with pytest.raises(
        exceptions.AlreadyExists if client.transport.kind == "grpc" else exceptions.Conflict
    ):
        client.create_key_ring(
            parent=parent, key_ring_id=ring.name.rpartition("/")[2], key_ring=kms_v1.KeyRing()
        )


def _fresh() -> str:
    return f"r-{uuid.uuid4().hex[:12]}"


def test_a_stranger_is_refused_with_a_reason(shell: Universe) -> None:
    stranger = _client(shell, shell.keys["stranger"])
    with pytest.raises(exceptions.PermissionDenied) as caught:
        stranger.list_key_rings(parent=f"projects/{shell.project}/locations/{shell.location}")
    assert caught.value.reason


def test_a_change_tells_its_receipt(shell: Universe, connect: Connect) -> None:
    parent = f"projects/{shell.project}/locations/{shell.location}"
    create = connect().unary_unary(f"/{SERVICE}/CreateKeyRing")
    content = request("CreateKeyRingRequest", parent=parent, keyRingId=_fresh(), keyRing={})
    _, made = create.with_call(
        content, metadata=[("authorization", f"Bearer {shell.token()}")], timeout=20
    )
    receipt = dict(made.initial_metadata())["x-rempart-receipt"]
    assert receipt.count("/") == 2


def test_a_node_program_keeps_a_key(shell: Universe, node_packages: Path) -> None:
    parent = f"projects/{shell.project}/locations/{shell.location}"
    env = {"NODE_CLIENTS": str(node_packages)}
    script = HERE / "kms.mjs"
    done = shell.run(program("node"), script, str(shell.listen), parent, _fresh(), env=env)
    assert json.loads(done.stdout) == {"done": True}


# Who calls, and by which host name.


def _list(shell: Universe, channel: grpc.Channel, token: str) -> grpc.RpcError | bytes:
    parent = f"projects/{shell.project}/locations/{shell.location}"
    content = request("ListKeyRingsRequest", parent=parent)
    return call(channel, f"{SERVICE}/ListKeyRings", content, token=token)


@pytest.mark.parametrize("form", ["scope", "audience"])
@pytest.mark.parametrize("place", ["universe", "shared", "localhost", "address"])
def test_a_self_signed_token_is_good_at_every_host(
    shell: Universe, connect: Connect, place: str, form: str
) -> None:
    places = {
        "universe": {"host": f"cloudkms.{shell.domain}"},
        "shared": {"host": f"anything.{shell.domain}"},
        "localhost": {"address": "localhost"},
        "address": {"address": "127.0.0.1"},
    }
    channel = connect(**places[place])
    audience = f"https://cloudkms.{shell.domain}/"
    token = shell.token() if form == "scope" else shell.token(scope=None, aud=audience)
    assert isinstance(_list(shell, channel, token), bytes)


def test_a_token_that_was_made_for_another_service_is_refused(
    shell: Universe, connect: Connect
) -> None:
    token = shell.token(scope=None, aud=f"https://storage.{shell.domain}/")
    assert refused(_list(shell, connect(), token)) is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("token", ["garbage", "a.b.c", "x" * 5000])
def test_a_token_that_is_none_is_refused(shell: Universe, connect: Connect, token: str) -> None:
    assert refused(_list(shell, connect(), token)) is grpc.StatusCode.UNAUTHENTICATED


def test_the_host_of_another_api_refuses(shell: Universe, connect: Connect) -> None:
    channel = connect(f"storage.{shell.domain}")
    assert refused(_list(shell, channel, shell.token())) is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(("api", "method"), METHODS, ids=NAMES)
def test_nobody_without_a_credential_gets_anything(
    shell: Universe, connect: Connect, api: str, method: UnaryMethod
) -> None:
    channel = connect(f"{api}.{shell.domain}")
    for binding in method.bindings:
        answer = call(channel, method.path, _named(method, shell, binding.variables))
        if method.path.endswith("/TestIamPermissions") and isinstance(answer, bytes):
            assert answer == b"", "a permission that was not asked for"
        else:
            assert refused(answer) in REFUSALS


@pytest.mark.parametrize(("api", "method"), METHODS, ids=NAMES)
def test_a_method_answers_or_is_named(
    shell: Universe, connect: Connect, api: str, method: UnaryMethod
) -> None:
    channel = connect(f"{api}.{shell.domain}")
    for binding in method.bindings:
        content = _named(method, shell, binding.variables)
        answer = call(channel, method.path, content, token=shell.token())
        if isinstance(answer, grpc.RpcError):
            assert answer.code() not in {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL}
            if answer.code() is grpc.StatusCode.UNIMPLEMENTED:
                assert binding.id in answer.details()


def _named(method: UnaryMethod, shell: Universe, variables: tuple[Variable, ...]) -> bytes:
    """Return a request whose path has names of the right form, and that says no more."""
    document: dict[str, Any] = {}
    for variable in variables:
        first = variable.segments.replace("projects/*", f"projects/{shell.project}")
        name = first.replace("locations/*", f"locations/{shell.location}").replace("*", "1")
        inner, (*outer, last) = document, variable.field.split(".")
        for part in outer:
            inner = inner.setdefault(part, {})
        inner[last] = name
    return google_messages().write(method.request, document)


# What is not a call.


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xff", grpc.StatusCode.INTERNAL),
        (bytes(5_000_000), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (b"", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_garbage_is_refused_and_the_connection_lives(
    shell: Universe, connect: Connect, content: bytes, code: grpc.StatusCode
) -> None:
    channel = connect()
    assert refused(call(channel, f"{SERVICE}/GetKeyRing", content)) is code
    assert isinstance(_list(shell, channel, shell.token()), bytes)


def test_an_unknown_method_is_named(connect: Connect) -> None:
    answer = call(connect(), "a.B/C")
    assert refused(answer) is grpc.StatusCode.UNIMPLEMENTED
    assert isinstance(answer, grpc.RpcError)
    assert "a.B/C" in answer.details()


def test_a_compressed_call_is_refused(connect: Connect) -> None:
    content = b"\n\x04aaaa" * 1000
    answer = call(connect(), f"{SERVICE}/GetKeyRing", content, compression=grpc.Compression.Gzip)
    assert refused(answer) is grpc.StatusCode.UNIMPLEMENTED


def test_the_server_keeps_a_deadline_that_its_client_does_not(shell: Universe) -> None:
    headers = {"content-type": "application/grpc", "te": "trailers", "grpc-timeout": "1u"}
    headers["authorization"] = f"Bearer {shell.token()}"
    parent = f"projects/{shell.project}/locations/{shell.location}"
    content = request("CreateKeyRingRequest", parent=parent, keyRingId=_fresh())
    framed = b"\0" + len(content).to_bytes(4, "big") + content
    with httpx.Client(http1=False, http2=True, verify=shell.trust(), trust_env=False) as caller:
        url = f"{shell.url}/{SERVICE}/CreateKeyRing"
        answer = caller.post(url, content=framed, headers=headers)
    assert (answer.status_code, answer.headers["grpc-status"]) == (200, "4")


def test_writes_that_are_cut_by_their_deadlines_break_nothing(
    shell: Universe, connect: Connect
) -> None:
    parent = f"projects/{shell.project}/locations/{shell.location}"
    channel, token = connect(), shell.token()
    create = channel.unary_unary(f"/{SERVICE}/CreateKeyRing")
    metadata = [("authorization", f"Bearer {token}")]
    names = [_fresh() for _ in range(150)]
    cut = [
        create.future(
            request("CreateKeyRingRequest", parent=parent, keyRingId=name),
            metadata=metadata,
            timeout=0.002 + number % 30 / 1000,
        )
        for number, name in enumerate(names)
    ]
    ends = {one.code() for one in cut}
    assert ends <= {grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED}
    assert grpc.StatusCode.DEADLINE_EXCEEDED in ends
    for name, one in zip(names, cut, strict=True):
        content = request("GetKeyRingRequest", name=f"{parent}/keyRings/{name}")
        found = call(channel, f"{SERVICE}/GetKeyRing", content, token=token)
        if isinstance(found, grpc.RpcError):
            assert found.code() is grpc.StatusCode.NOT_FOUND
            assert one.code() is grpc.StatusCode.DEADLINE_EXCEEDED, "answered, and not there"
