"""A gRPC request says what the same request says in REST, and nothing is lost on the way."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rempart.core.call import Call, Reply
from rempart.edge.grpc.messages import google_messages
from rempart.edge.grpc.methods import Methods, choose
from rempart.edge.grpc.transcode import Rule
from rempart.wire.grpc import Binding, GRPCService, UnaryMethod, Variable, all_tables
from support.exchange import KMS, Gate
from support.grpc_caller import KEYS, ask, encoded, frame

RING = "projects/p/locations/l/keyRings/r"
KEY = f"{RING}/cryptoKeys/k"
MESSAGES = google_messages()
METHODS = [(table.api, method) for table in all_tables() for method in table.methods]


async def called(method: str, request: str, document: dict[str, Any], **how: Any) -> Call:
    gate = Gate(Reply(document={}))
    told = await ask(gate, f"{KEYS}/{method}", frame(encoded(request, document)), **how)
    assert told.code == 0, told.message
    return gate.call


async def test_a_field_of_the_path_a_field_of_the_query_and_the_body_go_where_rest_has_them() -> (
    None
):
    call = await called(
        "CreateCryptoKey",
        "CreateCryptoKeyRequest",
        {
            "parent": RING,
            "cryptoKeyId": "k",
            "cryptoKey": {"purpose": "MAC", "rotationPeriod": "90s", "labels": {"a_b": "c"}},
            "skipInitialVersionCreation": True,
        },
    )
    assert call.method == "cloudkms.projects.locations.keyRings.cryptoKeys.create"
    assert call.path == {"parent": RING}
    assert call.query == {"cryptoKeyId": "k", "skipInitialVersionCreation": "true"}
    assert call.document == {"purpose": "MAC", "rotationPeriod": "90s", "labels": {"a_b": "c"}}
    assert (call.verb, call.kind, call.head) == ("POST", "plain", False)


async def test_bytes_are_standard_base64_and_64_bit_numbers_are_strings() -> None:
    plaintext = bytes(range(256))
    call = await called(
        "Encrypt",
        "EncryptRequest",
        {"name": KEY, "plaintext": b64encode(plaintext).decode(), "plaintextCrc32c": "7"},
    )
    assert call.method == "cloudkms.projects.locations.keyRings.cryptoKeys.encrypt"
    assert call.document == {"plaintext": b64encode(plaintext).decode(), "plaintextCrc32c": "7"}
    assert (call.path, call.query) == ({"name": KEY}, {})


async def test_a_name_within_the_body_becomes_the_path_parameter_of_rest() -> None:
    call = await called(
        "UpdateCryptoKey",
        "UpdateCryptoKeyRequest",
        {"cryptoKey": {"name": KEY, "labels": {"a": "b"}}, "updateMask": "rotationPeriod,labels"},
    )
    assert call.path == {"name": KEY}
    assert call.document == {"labels": {"a": "b"}}
    assert call.query == {"updateMask": "rotationPeriod,labels"}
    assert call.verb == "PATCH"


async def test_a_list_takes_its_page_from_the_query() -> None:
    call = await called(
        "ListCryptoKeys",
        "ListCryptoKeysRequest",
        {"parent": RING, "pageSize": 5, "pageToken": "é&=", "versionView": "FULL"},
    )
    assert call.query == {"pageSize": "5", "pageToken": "é&=", "versionView": "FULL"}
    assert (call.document, call.verb) == ({}, "GET")


@pytest.mark.parametrize(
    ("resource", "noun"),
    [
        (RING, "keyRings"),
        (KEY, "keyRings.cryptoKeys"),
        (f"{RING}/importJobs/j", "keyRings.importJobs"),
        ("projects/p/locations/l/ekmConfig", "ekmConfig"),
        ("projects/p/locations/l/ekmConnections/c", "ekmConnections"),
    ],
)
async def test_the_resource_of_a_policy_tells_which_method_is_meant(
    resource: str, noun: str
) -> None:
    request = MESSAGES.write(
        "google.iam.v1.GetIamPolicyRequest",
        {"resource": resource, "options": {"requestedPolicyVersion": 3}},
    )
    gate = Gate(Reply(document={"version": 1, "etag": "YQ=="}))
    told = await ask(gate, "google.iam.v1.IAMPolicy/GetIamPolicy", frame(request))
    assert told.code == 0
    assert gate.call.method == f"cloudkms.projects.locations.{noun}.getIamPolicy"
    assert gate.call.path == {"resource": resource}
    assert gate.call.query == {"options.requestedPolicyVersion": "3"}
    answered = MESSAGES.read("google.iam.v1.Policy", told.body[5:])
    assert answered == {"version": 1, "etag": "YQ=="}


@pytest.mark.parametrize(
    "name", ["", "projects/p", f"{KEY}/", f"/{KEY}", f"{KEY}/x", "é", KEY.replace("/p/", "//")]
)
async def test_a_name_of_another_form_is_refused_with_its_field(name: str) -> None:
    gate = Gate()
    told = await ask(
        gate, f"{KEYS}/GetCryptoKey", frame(encoded("GetCryptoKeyRequest", {"name": name}))
    )
    assert told.code == 3
    assert "projects/*/locations/*/keyRings/*/cryptoKeys/*" in told.message
    assert told.packed["details"][1]["fieldViolations"][0]["field"] == "name"
    assert not gate.calls


async def test_a_version_may_be_named_where_rest_takes_one_too() -> None:
    name = f"{KEY}/cryptoKeyVersions/1"
    assert (await called("Encrypt", "EncryptRequest", {"name": name})).path == {"name": name}


async def test_a_request_may_leave_its_document_out() -> None:
    call = await called(
        "CreateKeyRing", "CreateKeyRingRequest", {"parent": "projects/p/locations/l"}
    )
    assert (call.document, call.query) == ({}, {})


def test_a_mixin_that_two_apis_answer_is_chosen_by_host_or_refused() -> None:
    [kms] = [table for table in all_tables() if table.api == "cloudkms"]
    twin = GRPCService("secretmanager", "v1", kms.methods)
    methods = Methods([kms, twin])
    path, document = (
        "google.cloud.location.Locations/GetLocation",
        {"name": "projects/p/locations/l"},
    )
    for label in ("cloudkms", "secretmanager", "cloudkms.europe-west1.rep"):
        method, _ = choose(methods.named(path, label), dict(document))
        assert method.api == label.partition(".")[0]
    with pytest.raises(Exception, match="host name of one"):
        choose(methods.named(path, ""), dict(document))


@pytest.mark.parametrize(
    ("name", "api"),
    [
        ("operations/cp.1764384000000000001", "cloudresourcemanager"),
        ("operations/acat.p2-1-0196f0c0-0000-7000-8000-000000000000", "serviceusage"),
        ("operations/noop.DONE_OPERATION", "serviceusage"),
        ("projects/p/locations/u-france-east1/operations/0062a", "cloudkms"),
        ("organizations/1/locations/global/operations/0062a", "iam"),
    ],
)
def test_an_operation_goes_to_the_api_that_writes_such_names(name: str, api: str) -> None:
    methods = Methods(all_tables()).named("google.longrunning.Operations/GetOperation", "")
    method, asked = choose(methods, {"name": name})
    assert (method.api, asked.path) == (api, {"name": name})
    for vague in ("operations/x", "projects/p/locations/global/operations/0062a"):
        with pytest.raises(Exception, match="host name of one"):
            choose(methods, {"name": vague})


def test_the_values_of_a_repeated_parameter_are_told_apart_by_newlines() -> None:
    rule = Rule.of(Binding("x.list", "GET", (Variable("name", "name", "projects/*"),)))
    document = {"name": "projects/p", "types": ["a", "b"], "flags": [True, False], "sizes": [1, 2]}
    asked = rule.apply(document, {"name": "projects/p"})
    assert asked.query == {"types": "a\nb", "flags": "true\nfalse", "sizes": "1\n2"}


def test_a_rule_may_have_several_variables() -> None:
    variables = (Variable("a.b", "b", "x/*"), Variable("c", "c", "**"))
    rule = Rule.of(Binding("x.get", "POST", variables, "*"))
    document = {"a": {"b": "x/1", "d": 1}, "c": "y/z\n"}
    assert rule.path({"a": {"b": "x/1"}}) is None
    path = rule.path(document)
    assert path == {"b": "x/1", "c": "y/z\n"}
    assert rule.apply(document, path).document == {"a": {"d": 1}}


# Nothing is lost: message → Call → message.

_WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=8)
_SEGMENT = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=8)
_INTEGERS = {
    "TYPE_INT32": (-(2**31), 2**31 - 1), "TYPE_INT64": (-(2**63), 2**63 - 1),
    "TYPE_UINT32": (0, 2**32 - 1), "TYPE_UINT64": (0, 2**64 - 1),
}  # fmt: skip
_PACKED = "type.googleapis.com/google.rpc.RequestInfo"
_KNOWN = {
    "google.protobuf.Timestamp": st.builds(
        lambda seconds, nanos: {"seconds": seconds, "nanos": nanos},
        st.integers(-62135596800, 253402300799), st.integers(0, 999_999_999),
    ),
    "google.protobuf.Duration": st.integers(0, 315_576_000_000).map(lambda s: {"seconds": s}),
    "google.protobuf.FieldMask": st.lists(
        st.sampled_from(["labels", "rotation_period", "version_template.algorithm"]), min_size=1
    ).map(lambda paths: {"paths": paths}),
    "google.protobuf.Struct": st.dictionaries(
        _WORDS, st.builds(lambda text: {"string_value": text}, _WORDS), max_size=2
    ).map(lambda fields: {"fields": fields}),
    "google.protobuf.Any": st.builds(
        lambda content: {"type_url": _PACKED, "value": content.SerializeToString()},
        st.builds(MESSAGES.of("google.rpc.RequestInfo"), request_id=_WORDS),
    ),
}  # fmt: skip


def _type_of(field: Any) -> str:
    return next(
        name
        for name in dir(field)
        if name.startswith("TYPE_") and getattr(field, name) == field.type
    )


def _values(field: Any, depth: int) -> st.SearchStrategy[Any]:
    kind = _type_of(field)
    if kind in _INTEGERS:
        return st.integers(*_INTEGERS[kind])
    if kind == "TYPE_ENUM":
        return st.sampled_from([one.number for one in field.enum_type.values]) | st.just(99)
    if kind == "TYPE_MESSAGE":
        return _fields(field.message_type, depth + 1)
    scalars: dict[str, st.SearchStrategy[Any]] = {
        "TYPE_STRING": _WORDS,
        "TYPE_BYTES": st.binary(max_size=20),
        "TYPE_BOOL": st.booleans(),
        "TYPE_DOUBLE": st.floats(allow_nan=False, allow_infinity=False),
    }
    return scalars[kind]


def _fields(described: Any, depth: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """Return keyword arguments of a message."""
    if described.full_name in _KNOWN:
        return _KNOWN[described.full_name]
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for field in described.fields:
        if depth > 2 and field.message_type is not None:
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            optional[field.name] = st.dictionaries(_WORDS, _WORDS, max_size=2)
        elif field.is_repeated:
            optional[field.name] = st.lists(_values(field, depth), max_size=2)
        else:
            optional[field.name] = _values(field, depth)
    return st.fixed_dictionaries({}, optional=optional)


def _name(segments: str) -> st.SearchStrategy[str]:
    parts = [_SEGMENT if part in {"*", "**"} else st.just(part) for part in segments.split("/")]
    return st.tuples(*parts).map("/".join)


@st.composite
def _asked(draw: st.DrawFn, method: UnaryMethod) -> Any:
    """Draw a message that fits one of the method's rules."""
    made = MESSAGES.of(method.request)
    message = made(**draw(_fields(made.DESCRIPTOR)))
    for variable in draw(st.sampled_from(method.bindings)).variables:
        *outer, last = _snake(made.DESCRIPTOR, variable.field)
        holder = message
        for name in outer:
            holder = getattr(holder, name)
        setattr(holder, last, draw(_name(variable.segments)))
    return message


def _snake(described: Any, path: str) -> list[str]:
    names = []
    for part in path.split("."):
        field = described.fields_by_camelcase_name[part]
        names.append(field.name)
        described = field.message_type
    return names


def _back(method: UnaryMethod, binding: Binding, call: Call) -> Any:
    """Return the message that a call says, by google.api.http read forwards."""
    described = MESSAGES.of(method.request).DESCRIPTOR
    document: dict[str, Any] = {}
    if binding.body == "*":
        document = dict(call.document)
    elif binding.body and call.document:
        document[binding.body] = dict(call.document)
    for name, text in call.query.items():
        _put(document, name, _typed(described, name, text))
    for variable in binding.variables:
        _put(document, variable.field, call.path[variable.name])
    return MESSAGES.of(method.request).FromString(MESSAGES.write(method.request, document))


def _put(document: dict[str, Any], path: str, value: object) -> None:
    *outer, last = path.split(".")
    for name in outer:
        document = document.setdefault(name, {})
    document[last] = value


def _typed(described: Any, path: str, text: str) -> object:
    *outer, last = path.split(".")
    for part in outer:
        described = described.fields_by_camelcase_name[part].message_type
    field = described.fields_by_camelcase_name[last]
    if field.is_repeated:
        return text.split("\n")
    return text == "true" if _type_of(field) == "TYPE_BOOL" else text


def _without_empty(message: Any, binding: Binding) -> Any:
    """Clear what REST cannot say: an empty message in the query, however deep, or as the body."""
    for field in message.DESCRIPTOR.fields:
        if field.message_type is None or field.is_repeated or binding.body == "*":
            continue
        if field.json_name == binding.body:
            if not getattr(message, field.name).ListFields():
                message.ClearField(field.name)
        else:
            _prune(message, field)
    return message


def _prune(message: Any, field: Any) -> None:
    if field.message_type.full_name in _KNOWN or not message.HasField(field.name):
        return
    inner = getattr(message, field.name)
    for one in inner.DESCRIPTOR.fields:
        if one.message_type is not None and not one.is_repeated:
            _prune(inner, one)
    if not inner.ListFields():
        message.ClearField(field.name)


@pytest.mark.parametrize(
    ("api", "method"), METHODS, ids=[method.path.rpartition(".")[2] for _, method in METHODS]
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_field_is_lost(api: str, method: UnaryMethod, data: st.DataObject) -> None:
    message = data.draw(_asked(method))
    gate = Gate(Reply(document={}))
    sent, host = frame(message.SerializeToString()), KMS.replace("cloudkms", api)
    told = asyncio.run(ask(gate, method.path, sent, host=host))
    assert told.code == 0, told.message
    [binding] = [one for one in method.bindings if one.id == gate.call.method]
    assert _back(method, binding, gate.call) == _without_empty(message, binding)
