"""The tables under `wire/` are what Google's descriptions say, and the loader reads them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from rempart.edge.grpc.messages import google_messages
from rempart.wire import WireParameter, all_services, load
from rempart.wire.grpc import all_tables, descriptors

ROOT = Path(__file__).resolve().parent.parent
WIRE = ROOT / "src" / "rempart" / "wire"
GRPC = WIRE / "grpc"
KEPT = {".json", ".binpb"}


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    return _loaded("derive_wire")


@pytest.fixture(scope="module")
def grpc_tool() -> ModuleType:
    tool = _loaded("derive_grpc")
    if not tool.installed():
        pytest.skip("Google's packages, which carry the descriptions, are not installed")
    return tool


def _loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def documents(tool: ModuleType) -> Path:
    folder = tool.documents()
    if folder is None:
        pytest.skip("google-api-python-client, which carries the descriptions, is not installed")
    assert isinstance(folder, Path)
    return folder


def test_the_tables_are_those_that_the_tool_derives(
    tool: ModuleType, grpc_tool: ModuleType, documents: Path
) -> None:
    on_disk = {path.name: path.read_text("utf-8") for path in WIRE.glob("*.json")}
    on_disk = {
        name: text
        for name, text in on_disk.items()
        if name.removesuffix(".json") not in grpc_tool.WITHOUT_DISCOVERY
    }
    derived = tool.derive(documents)
    assert sorted(on_disk) == sorted(derived)
    stale = [name for name, text in derived.items() if on_disk[name] != text]
    assert not stale, "run tools/derive_wire.py"


def test_the_grpc_tables_are_those_that_the_tool_derives(grpc_tool: ModuleType) -> None:
    on_disk = {path.name: path.read_bytes() for path in GRPC.iterdir() if path.suffix in KEPT}
    for name in grpc_tool.WITHOUT_DISCOVERY:
        on_disk[f"../{name}.json"] = (WIRE / f"{name}.json").read_bytes()
    derived = grpc_tool.derive()
    assert sorted(on_disk) == sorted(derived)
    stale = [name for name, content in derived.items() if on_disk[name] != content]
    assert not stale, "run tools/derive_grpc.py"


def test_a_pattern_that_routes_cannot_express_is_refused(tool: ModuleType) -> None:
    with pytest.raises(ValueError, match="pattern"):
        tool._template("v1/{+name}", {"name": "^(a|b)/[^/]+$"})
    with pytest.raises(ValueError, match="template"):
        tool._template("v1/{+name}/tail", {"name": "^a/.*$"})


def test_the_tables_stay_small() -> None:
    assert (WIRE / "storage.v1.json").stat().st_size < 150_000
    assert sum(path.stat().st_size for path in WIRE.glob("*.json")) < 500_000


def test_the_loader_reads_methods_with_their_media_paths_and_parameters() -> None:
    methods = {method.id: method for method in load("storage", "v1").methods}
    insert = methods["storage.objects.insert"]
    assert insert.upload == "upload/storage/v1/b/{bucket}/o"
    assert insert.resumable == "resumable/upload/storage/v1/b/{bucket}/o"
    generation = WireParameter("ifGenerationMatch", "query", "string", "int64")
    assert generation in insert.parameters
    get = methods["storage.objects.get"]
    assert (get.media, get.download) == (True, "download/storage/v1/b/{bucket}/o/{object}")


def test_the_loader_reads_the_properties_of_storage_messages() -> None:
    schemas = load("storage", "v1").schemas
    assert schemas["Object"].properties["size"].format == "uint64"
    lifecycle = schemas["Bucket"].properties["lifecycle"]
    rules = lifecycle.properties["rule"].items
    assert rules is not None
    assert rules.properties["condition"].properties["age"].type == "integer"


def test_a_version_that_no_table_describes_is_refused() -> None:
    for api, version in (("storage", "v9"), ("../storage", "v1"), ("", "")):
        with pytest.raises(LookupError):
            load(api, version)


def test_every_message_named_in_storage_is_described() -> None:
    storage = load("storage", "v1")
    named = {name for m in storage.methods for name in (m.request, m.response) if name}
    assert named <= set(storage.schemas)


def test_no_prose_of_google_is_in_the_tables() -> None:
    for path in [*WIRE.glob("*.json"), *GRPC.glob("*.json")]:
        assert " " not in path.read_text("utf-8"), path.name


def test_all_services_are_sorted_and_distinct() -> None:
    names = [(service.name, service.version) for service in all_services()]
    assert names == sorted(set(names))


def test_every_grpc_method_leads_to_rest_methods_and_to_messages_that_are_described() -> None:
    for table in all_tables():
        known = {method.id: method for method in load(table.api, table.version).methods}
        for method in table.methods:
            google_messages().of(method.request)
            google_messages().of(method.response)
            assert method.bindings, method.path
            for binding in method.bindings:
                rest = known[binding.id]
                captured = [one.name for one in rest.parameters if one.location == "path"]
                assert captured == [one.name for one in binding.variables]
                assert rest.verb == binding.verb


def test_all_of_key_management_is_served_by_grpc() -> None:
    [kms] = [table for table in all_tables() if table.api == "cloudkms"]
    services = {method.path.partition("/")[0] for method in kms.methods}
    assert {one.rpartition(".")[2] for one in services} == {
        "Autokey", "AutokeyAdmin", "EkmService", "HsmManagement", "IAMPolicy",
        "KeyManagementService", "Locations", "Operations",
    }  # fmt: skip
    assert len(kms.methods) == 63


def test_the_inventory_of_keys_is_served_by_grpc() -> None:
    [inventory] = [table for table in all_tables() if table.api == "kmsinventory"]
    assert {method.path.rpartition(".")[2] for method in inventory.methods} == {
        "KeyDashboardService/ListCryptoKeys",
        "KeyTrackingService/GetProtectedResourcesSummary",
        "KeyTrackingService/SearchProtectedResources",
    }


def test_the_descriptors_stay_small_and_carry_no_options_of_google() -> None:
    assert len(descriptors()) < 150_000
    for name in (b"annotations", b"client", b"field_behavior", b"resource", b"routing"):
        assert b"google/api/%b.proto" % name not in descriptors()
