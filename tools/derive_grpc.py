"""Derive the gRPC tables and descriptors of `src/rempart/wire/grpc/` from Google's own packages.

Each API's PyPI package knows its gRPC methods, their types and the HTTP rule of each; the tables of
`derive_wire.py` know the ids of the REST methods that those rules lead to. Only facts are kept, in
two forms: for each API a table, and for all together one `FileDescriptorSet` without services,
options and source info. `python tools/derive_grpc.py` writes them; `--check` only compares.

Names of fields are in lower camel case, as JSON has them. Adding an API is a line in `APIS`.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import pkgutil
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_type_hints

Json = dict[str, Any]

WIRE = Path(__file__).resolve().parent.parent / "src" / "rempart" / "wire"
TABLES = WIRE / "grpc"
DESCRIPTORS = "descriptors.binpb"

APIS = {
    "accessapproval.v1": "google.cloud.accessapproval_v1",
    "cloudasset.v1": "google.cloud.asset_v1",
    "cloudkms.v1": "google.cloud.kms_v1",
    "cloudresourcemanager.v3": "google.cloud.resourcemanager_v3",
    "iam.v1": "google.cloud.iam_admin_v1",
    "iam.v2": "google.cloud.iam_v2",
    "iam.v3": "google.cloud.iam_v3",
    "iamcredentials.v1": "google.cloud.iam_credentials_v1",
    "kmsinventory.v1": "google.cloud.kms_inventory_v1",
    "logging.v2": "google.cloud.logging_v2",
    "orgpolicy.v2": "google.cloud.orgpolicy_v2",
    "policytroubleshooter.v3": "google.cloud.policytroubleshooter_iam_v3",
    "serviceusage.v1": "google.cloud.service_usage_v1",
}
"""The package of each API that is served by gRPC."""

WITHOUT_DISCOVERY = {"iam.v3": "iam.v2"}
"""APIs that no discovery document describes: their REST table comes from the HTTP rules too.

Its common parameters are those of the version named beside it.
"""

MIXINS = {
    "GetLocation": "google.cloud.location.Locations",
    "ListLocations": "google.cloud.location.Locations",
    "GetOperation": "google.longrunning.Operations",
    "GetIamPolicy": "google.iam.v1.IAMPolicy",
    "SetIamPolicy": "google.iam.v1.IAMPolicy",
    "TestIamPermissions": "google.iam.v1.IAMPolicy",
}
"""The services that many APIs share, by those of their methods that have an HTTP rule."""

_OF_MIXINS = tuple(f"{service}/" for service in MIXINS.values())

_ACCOUNTS = "projects.serviceAccounts"
_KEYS = f"{_ACCOUNTS}.keys"
_BUCKETS = "locations.buckets"
_OF_LOGGING = {
    "ListBuckets": f"{_BUCKETS}.list",
    "GetBucket": f"{_BUCKETS}.get",
    "CreateBucketAsync": f"{_BUCKETS}.createAsync",
    "UpdateBucketAsync": f"{_BUCKETS}.updateAsync",
    "CreateBucket": f"{_BUCKETS}.create",
    "UpdateBucket": f"{_BUCKETS}.patch",
    "DeleteBucket": f"{_BUCKETS}.delete",
    "UndeleteBucket": f"{_BUCKETS}.undelete",
    "ListViews": f"{_BUCKETS}.views.list",
    "GetView": f"{_BUCKETS}.views.get",
    "CreateView": f"{_BUCKETS}.views.create",
    "UpdateView": f"{_BUCKETS}.views.patch",
    "DeleteView": f"{_BUCKETS}.views.delete",
    "ListLinks": f"{_BUCKETS}.links.list",
    "GetLink": f"{_BUCKETS}.links.get",
    "CreateLink": f"{_BUCKETS}.links.create",
    "DeleteLink": f"{_BUCKETS}.links.delete",
    "ListSinks": "sinks.list",
    "GetSink": "sinks.get",
    "CreateSink": "sinks.create",
    "UpdateSink": "sinks.update",
    "DeleteSink": "sinks.delete",
    "ListExclusions": "exclusions.list",
    "GetExclusion": "exclusions.get",
    "CreateExclusion": "exclusions.create",
    "UpdateExclusion": "exclusions.patch",
    "DeleteExclusion": "exclusions.delete",
    "GetCmekSettings": "getCmekSettings",
    "UpdateCmekSettings": "updateCmekSettings",
    "GetSettings": "getSettings",
    "UpdateSettings": "updateSettings",
    "DeleteLog": "logs.delete",
    "ListLogs": "logs.list",
    "ListLogMetrics": "metrics.list",
    "GetLogMetric": "metrics.get",
    "CreateLogMetric": "metrics.create",
    "UpdateLogMetric": "metrics.update",
    "DeleteLogMetric": "metrics.delete",
    "CopyLogEntries": "entries.copy",
    "ListLogEntries": "entries.list",
    "WriteLogEntries": "entries.write",
    "ListMonitoredResourceDescriptors": "monitoredResourceDescriptors.list",
}
"""Cloud Logging's methods: REST has each on several kinds of containers, or on none."""

_CONTAINERS = ("projects.", "folders.", "organizations.", "billingAccounts.", "")


def _on_each(api: str, methods: dict[str, str]) -> dict[str, list[str]]:
    """Return for each method those of its REST methods that are described."""
    table = json.loads((WIRE / f"{api}.json").read_text("utf-8"))
    known = {one["id"].partition(".")[2] for one in table["methods"]}
    return {
        name: [one for one in (f"{above}{method}" for above in _CONTAINERS) if one in known]
        for name, method in methods.items()
    }


RULELESS = {
    "logging.v2": _on_each("logging.v2", _OF_LOGGING),
    "iam.v1": {
        "ListServiceAccounts": [f"{_ACCOUNTS}.list"],
        "GetServiceAccount": [f"{_ACCOUNTS}.get"],
        "CreateServiceAccount": [f"{_ACCOUNTS}.create"],
        "UpdateServiceAccount": [f"{_ACCOUNTS}.update"],
        "PatchServiceAccount": [f"{_ACCOUNTS}.patch"],
        "DeleteServiceAccount": [f"{_ACCOUNTS}.delete"],
        "UndeleteServiceAccount": [f"{_ACCOUNTS}.undelete"],
        "EnableServiceAccount": [f"{_ACCOUNTS}.enable"],
        "DisableServiceAccount": [f"{_ACCOUNTS}.disable"],
        "ListServiceAccountKeys": [f"{_KEYS}.list"],
        "GetServiceAccountKey": [f"{_KEYS}.get"],
        "CreateServiceAccountKey": [f"{_KEYS}.create"],
        "UploadServiceAccountKey": [f"{_KEYS}.upload"],
        "DeleteServiceAccountKey": [f"{_KEYS}.delete"],
        "EnableServiceAccountKey": [f"{_KEYS}.enable"],
        "DisableServiceAccountKey": [f"{_KEYS}.disable"],
        "SignBlob": [f"{_ACCOUNTS}.signBlob"],
        "SignJwt": [f"{_ACCOUNTS}.signJwt"],
        "GetIamPolicy": [f"{_ACCOUNTS}.getIamPolicy"],
        "SetIamPolicy": [f"{_ACCOUNTS}.setIamPolicy"],
        "TestIamPermissions": [f"{_ACCOUNTS}.testIamPermissions"],
        "QueryGrantableRoles": ["roles.queryGrantableRoles"],
        "ListRoles": ["organizations.roles.list", "projects.roles.list", "roles.list"],
        "GetRole": ["organizations.roles.get", "projects.roles.get", "roles.get"],
        "CreateRole": ["organizations.roles.create", "projects.roles.create"],
        "UpdateRole": ["organizations.roles.patch", "projects.roles.patch"],
        "DeleteRole": ["organizations.roles.delete", "projects.roles.delete"],
        "UndeleteRole": ["organizations.roles.undelete", "projects.roles.undelete"],
        "QueryTestablePermissions": ["permissions.queryTestablePermissions"],
        "QueryAuditableServices": ["iamPolicies.queryAuditableServices"],
        "LintPolicy": ["iamPolicies.lintPolicy"],
    },
}
"""APIs whose package has no HTTP rules: which REST methods each method is, without the API's name.

Their paths and bodies are those of the REST methods. What fits every request stands last.
"""

DETAILS = ("google.rpc.status_pb2", "google.rpc.error_details_pb2")
"""What errors are made of."""

WITHIN_ANY = (
    ("google.cloud.iam_v3", "OperationMetadata"),
    ("google.cloud.audit.audit_log_pb2", "AuditLog"),
    ("google.iam.v1.logging.audit_data_pb2", "AuditData"),
)
"""What travels in a `google.protobuf.Any`, from files apart from the methods' messages."""

_VARIABLE = re.compile(r"\{([^}=]+)(?:=([^}]+))?\}")
_OF_OPTIONS = frozenset(
    f"google/api/{name}.proto"
    for name in ("annotations", "client", "field_behavior", "field_info", "resource", "routing")
)
"""What only options refer to, and those are not kept."""

_OPTIONS_KEPT = {"map_entry", "packed"}


def installed() -> bool:
    """Tell whether the packages that carry the descriptions are there."""
    return all(importlib.util.find_spec(package) is not None for package in APIS.values())


def derive() -> dict[str, bytes]:
    """Return the content of every file, by name."""
    derived: dict[str, bytes] = {}
    messages: list[Any] = []
    for name, package in APIS.items():
        rpcs = _ruled(name, package) if name in RULELESS else _rpcs(package)
        messages += [message for rpc in rpcs.values() for message in (rpc.request, rpc.response)]
        if name in WITHOUT_DISCOVERY:
            derived[f"../{name}.json"] = described = _rest_table(name, package, rpcs)
        else:
            described = (WIRE / f"{name}.json").read_bytes()
        derived[f"{name}.json"] = _table(name, described, rpcs)
    for name in DETAILS:
        messages += importlib.import_module(name).DESCRIPTOR.message_types_by_name.values()
    for package, name in WITHIN_ANY:
        messages.append(_described(getattr(importlib.import_module(package), name)))
    derived[DESCRIPTORS] = _descriptors(messages)
    return derived


@dataclass
class Rpc:
    """A unary method: the descriptors of its messages, and its HTTP rules."""

    request: Any
    response: Any
    rules: list[Json]


def _table(name: str, described: bytes, rpcs: dict[str, Rpc]) -> bytes:
    ids = _rest_ids(described)
    rows = [
        {
            "path": path,
            "request": rpc.request.full_name,
            "response": rpc.response.full_name,
            "bindings": [_binding(rule, ids, rpc.request) for rule in rpc.rules],
        }
        for path, rpc in sorted(rpcs.items())
    ]
    api, _, version = name.partition(".")
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    return f'{{"api":"{api}","version":"{version}","methods":[\n{lines}\n]}}\n'.encode()


def _rest_table(name: str, package: str, rpcs: dict[str, Rpc]) -> bytes:
    """Return the table that discovery would give, as far as the HTTP rules tell."""
    api, _, version = name.partition(".")
    like = json.loads((WIRE / f"{WITHOUT_DISCOVERY[name]}.json").read_text("utf-8"))
    head = {
        "name": api,
        "version": version,
        "revision": importlib.import_module(f"{package}.gapic_version").__version__,
        "host": api,
        "batch": like["batch"],
        "parameters": like["parameters"],
    }
    rows = [_rest_method(api, rule, rpc) for rpc in rpcs.values() for rule in rpc.rules]
    unique = {row["id"]: row for row in rows}
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for _, row in sorted(unique.items()))
    begun = json.dumps(head, separators=(",", ":"))[:-1]
    return f'{begun},"methods":[\n{lines}\n]}}\n'.encode()


def _rest_method(api: str, rule: Json, rpc: Rpc) -> Json:
    uri, verb, body = rule["uri"].lstrip("/"), rule["method"].upper(), rule.get("body", "")
    path = _VARIABLE.sub(lambda found: f"{{{found[1].rpartition('.')[2]}={found[2]}}}", uri)
    bound = {field.partition(".")[0] for field, _ in _VARIABLE.findall(uri)} | {body}
    parameters = [
        {"name": found[0].rpartition(".")[2], "in": "path", "type": "string", "required": True}
        for found in _VARIABLE.findall(uri)
    ]
    parameters += [
        {"name": field.json_name, "in": "query", "type": _discovery_type(field)}
        for field in rpc.request.fields
        if field.name not in bound
    ]
    message = rpc.request.fields_by_name[body].message_type.name if body else ""
    row = {"id": _rest_id(api, verb, path), "verb": verb, "path": path}
    row |= {"request": message} if message else {}
    row |= {"response": rpc.response.name}
    return row | {"parameters": sorted(parameters, key=lambda one: str(one["name"]))}


def _discovery_type(field: Any) -> str:
    kinds = {field.TYPE_BOOL: "boolean", field.TYPE_INT32: "integer"}
    return kinds.get(field.type, "string")


def _rest_id(api: str, verb: str, path: str) -> str:
    """Return the id that discovery gives: the nouns of the path, then what is done."""
    plain, _, custom = path.partition("}:") if "}:" in path else path.partition(":")
    parts = [part for part in re.split(r"[/{}=]", plain) if part][1:]
    nouns = [part for part in parts if part not in ("*", "name", "parent")]
    one = parts[-1] == "*"
    done = {"POST": "create", "PATCH": "patch", "DELETE": "delete", "GET": "get" if one else "list"}
    return ".".join((api, *nouns, custom or done[verb]))


def _binding(rule: Json, ids: dict[tuple[str, str], Json], request: Any) -> Json:
    """Return where a rule leads: a REST method, and which field becomes which path parameter."""
    verb, uri = rule["method"].upper(), rule["uri"].lstrip("/")
    method = ids[verb, _anonymous(uri)]
    fields = [(_json_name(request, field), segments) for field, segments in _VARIABLE.findall(uri)]
    names = [name for name, _ in _VARIABLE.findall(method["path"])]
    variables = [
        {"field": field, "name": name, "segments": segments or "*"}
        for (field, segments), name in zip(fields, names, strict=True)
    ]
    body = rule.get("body", "")
    binding = {"id": method["id"], "verb": verb, "variables": variables}
    return binding | ({"body": body if body == "*" else _json_name(request, body)} if body else {})


def _json_name(message: Any, path: str) -> str:
    names: list[str] = []
    for part in path.split("."):
        field = message.fields_by_name[part]
        names.append(field.json_name)
        message = field.message_type
    return ".".join(names)


def _anonymous(template: str) -> str:
    """Return a template without its variables' names; `**` and `*` are not told apart.

    For `cryptoKeys.decrypt` discovery writes the one and the HTTP rule the other.
    """
    return _VARIABLE.sub(lambda found: f"{{{found[2] or '*'}}}", template).replace("**", "*")


def _rest_ids(described: bytes) -> dict[tuple[str, str], Json]:
    table = json.loads(described)
    return {(one["verb"], _anonymous(one["path"])): one for one in table["methods"]}


def _rpcs(package: str) -> dict[str, Rpc]:
    """Return the unary methods of a package by path; mixins have the rules of all its services."""
    rpcs: dict[str, Rpc] = {}
    for module in _modules(package, ".transports.rest_base"):
        rules = _rules(module)
        own = _stubs(importlib.import_module(module.__name__.removesuffix("rest_base") + "grpc"))
        names = {path.rpartition("/")[2] for path in own}
        rpcs |= {path: Rpc(*pair, rules[path.rpartition("/")[2]]) for path, pair in own.items()}
        for name, service in MIXINS.items():
            if name in rules and name not in names:
                rpc = rpcs.setdefault(f"{service}/{name}", _mixin(service, name))
                rpc.rules += [rule for rule in rules[name] if rule not in rpc.rules]
    return rpcs


def _ruled(name: str, package: str) -> dict[str, Rpc]:
    """Return the unary methods of a package without HTTP rules, with those made of REST's paths."""
    described = {one["id"]: one for one in _rest_ids((WIRE / f"{name}.json").read_bytes()).values()}
    api, rpcs = name.partition(".")[0], {}
    for module in _modules(package, ".transports.grpc"):
        for path, (request, response) in _stubs(module, mixins=name == "iam.v1").items():
            ids = RULELESS[name][path.rpartition("/")[2]]
            rules = [_rule(described[f"{api}.{one}"], request) for one in ids]
            rpcs[path] = Rpc(request, response, rules)
    return rpcs


def _rule(method: Json, request: Any) -> Json:
    """Return the HTTP rule that a REST method amounts to, for a message.

    A variable that the message lacks is in the message that it wraps; a body that is not the whole
    message is the field of the body's type.
    """
    fields = request.fields_by_name
    spelled = {one.json_name: one.name for one in fields.values()}
    messages = {one.message_type.name: one for one in fields.values() if one.message_type}

    def variable(found: re.Match[str]) -> str:
        field, segments = spelled.get(found[1], found[1]), found[2] or "*"
        if field not in fields:
            [field] = [
                f"{one.name}.{field}"
                for one in messages.values()
                if field in one.message_type.fields_by_name
            ]
        return f"{{{field}={segments}}}"

    rule = {"method": method["verb"], "uri": _VARIABLE.sub(variable, method["path"])}
    body = method.get("request", "")
    if not body:
        return rule
    return rule | {"body": messages[body].name if body in messages else "*"}


def _mixin(service: str, name: str) -> Rpc:
    from google.cloud.location import locations_pb2  # noqa: F401, PLC0415 - it registers itself
    from google.iam.v1 import iam_policy_pb2  # noqa: F401, PLC0415 - it registers itself
    from google.longrunning import operations_pb2  # noqa: F401, PLC0415 - it registers itself
    from google.protobuf import descriptor_pool  # noqa: PLC0415 - where it is installed

    method = descriptor_pool.Default().FindMethodByName(f"{service}.{name}")
    return Rpc(method.input_type, method.output_type, [])


def _stubs(module: ModuleType, *, mixins: bool = False) -> dict[str, tuple[Any, Any]]:
    """Return the messages of what a transport would call, by path.

    It makes every stub on a recording channel; the types are those of its annotations.
    """
    [transport] = [one for one in _own_classes(module) if one.__name__.endswith("GrpcTransport")]
    paths: list[str] = []

    class Channel:
        @staticmethod
        def unary_unary(path: str, **_: Any) -> None:
            paths.append(path.lstrip("/"))

    made = object.__new__(transport)
    made._logged_channel, made._stubs = Channel, {}
    stubs: dict[str, tuple[Any, Any]] = {}
    for name, member in vars(transport).items():
        if isinstance(member, property) and "unary_unary" in inspect.getsource(member.fget):
            getattr(made, name)
            [request], response = get_args(get_type_hints(member.fget)["return"])
            if response is not type(None):  # what mixins say of Empty
                stubs[paths[-1]] = (_described(request), _described(response))
    return {path: pair for path, pair in stubs.items() if mixins or not path.startswith(_OF_MIXINS)}


def _described(message: Any) -> Any:
    """Return the descriptor of a class: proto-plus's or protobuf's."""
    return message.pb(message()).DESCRIPTOR if hasattr(message, "pb") else message.DESCRIPTOR


def _rules(module: ModuleType) -> dict[str, list[Json]]:
    """Return the HTTP rules of one service and its mixins, by the method's name."""
    return {
        name.removeprefix("_Base"): member._get_http_options()  # noqa: SLF001 - Google's own
        for transport in _own_classes(module)
        for name, member in vars(transport).items()
        if hasattr(member, "_get_http_options")
    }


def _modules(package: str, ending: str) -> Iterator[ModuleType]:
    found = importlib.import_module(package)
    for one in pkgutil.walk_packages(found.__path__, f"{package}."):
        if one.name.endswith(ending):
            yield importlib.import_module(one.name)


def _own_classes(module: ModuleType) -> list[Any]:
    members = inspect.getmembers(module, inspect.isclass)
    return [one for _, one in members if one.__module__ == module.__name__]


def _descriptors(messages: list[Any]) -> bytes:
    from google.protobuf import descriptor_pb2  # noqa: PLC0415 - where it is installed

    files: dict[str, Any] = {}
    for message in messages:
        _collect(message.file, files)
    return descriptor_pb2.FileDescriptorSet(
        file=[files[name] for name in _sorted(files)]
    ).SerializeToString(deterministic=True)


def _collect(file: Any, files: dict[str, Any]) -> None:
    """Add a file and what it needs, without services, options and extensions."""
    from google.protobuf import descriptor_pb2  # noqa: PLC0415 - where it is installed

    if file.name in files:
        return
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    for name in ("service", "extension", "source_code_info", "options", "public_dependency"):
        proto.ClearField(name)
    _strip(proto)
    needed = [one for one in file.dependencies if one.name not in _OF_OPTIONS]
    needed = [one for one in needed if one.name != "google/protobuf/descriptor.proto"]
    needed = [one for one in needed if one.message_types_by_name or one.enum_types_by_name]
    del proto.dependency[:]
    proto.dependency.extend(sorted(one.name for one in needed))
    files[file.name] = proto
    for one in needed:
        _collect(one, files)


def _strip(proto: Any) -> None:
    """Clear the options within a description, but for those that say how bytes are read."""
    for field, value in proto.ListFields():
        if field.name == "options":
            kept = {one.name: set_to for one, set_to in value.ListFields()}
            proto.ClearField("options")
            for name in _OPTIONS_KEPT & kept.keys():
                setattr(proto.options, name, kept[name])
        elif field.message_type is not None and field.is_repeated:
            for one in value:
                _strip(one)


def _sorted(files: dict[str, Any]) -> list[str]:
    """Return the names so that every file comes after those that it needs."""
    ordered: dict[str, None] = {}

    def place(name: str) -> None:
        for needed in files[name].dependency:
            place(needed)
        ordered.setdefault(name)

    for name in sorted(files):
        place(name)
    return list(ordered)


def main() -> int:
    """Write the files, or with `--check` report those that differ."""
    if not installed():
        print(f"not all of {', '.join(APIS.values())} are installed", file=sys.stderr)
        return 2
    TABLES.mkdir(exist_ok=True)
    stale = {
        name: content
        for name, content in derive().items()
        if not (TABLES / name).exists() or (TABLES / name).read_bytes() != content
    }
    for name, content in stale.items():
        print(f"{name}: {len(content):,} bytes")
        if "--check" not in sys.argv:
            (TABLES / name).write_bytes(content)
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    raise SystemExit(main())
