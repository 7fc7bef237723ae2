"""Derive the compact method tables of `src/rempart/wire/` from Google's discovery documents.

The documents ship inside the PyPI package `google-api-python-client`. Only facts are kept: ids,
verbs, paths, parameters, media paths, type names; for Cloud Storage also the properties of its
messages. No prose. `python tools/derive_wire.py` writes the tables; `--check` only compares.

Paths are written as in `google.api.http`: `{bucket}` is one segment, `{name=projects/*/topics/*}`
several, a final `**` one or more, and a custom verb is a `:verb` at the end.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Json = dict[str, Any]

WIRE = Path(__file__).resolve().parent.parent / "src" / "rempart" / "wire"

# Compute is left out: 5 MB and 1,025 methods, as many as all the others together, of a service
# that Rempart does not offer.
SERVICES = (
    "accessapproval.v1",
    "accesscontextmanager.v1",
    "bigquery.v2",
    "cloudasset.v1",
    "cloudkms.v1",
    "cloudresourcemanager.v1",
    "cloudresourcemanager.v2",
    "cloudresourcemanager.v3",
    "iam.v1",
    "iam.v2",
    "iamcredentials.v1",
    "kmsinventory.v1",
    "logging.v2",
    "monitoring.v3",
    "oauth2.v2",
    "orgpolicy.v2",
    "policytroubleshooter.v1",
    "policytroubleshooter.v3",
    "pubsub.v1",
    "recommender.v1",
    "secretmanager.v1",
    "serviceusage.v1",
    "storage.v1",
    "sts.v1",
)
OLDER = frozenset({"cloudresourcemanager.v1", "cloudresourcemanager.v2", "policytroubleshooter.v1"})
"""Versions whose ids a newer one took over: theirs get the version into the name."""

WITH_SCHEMAS = frozenset({"storage.v1"})
ONE_SEGMENT = frozenset(
    {"kmsinventory.projects.locations.keyRings.cryptoKeys.getProtectedResourcesSummary"}
)
"""Methods whose `.*` is the id of a key, and so one segment: more of the path comes after it."""

_PATTERN = re.compile(r"\^((?:[A-Za-z_]+|\[\^/\]\+|-)(?:/(?:[A-Za-z_]+|\[\^/\]\+))*)(/\.\*)?\$")
_VARIABLE = re.compile(r"\{(\+?)([^}]+)\}")


def documents() -> Path | None:
    """Return the folder of discovery documents, or None where the package is not installed."""
    spec = importlib.util.find_spec("googleapiclient")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "discovery_cache" / "documents"


def derive(folder: Path) -> dict[str, str]:
    """Return the content of every table, by file name."""
    return {
        f"{name}.json": _render(
            _service(
                json.loads((folder / f"{name}.json").read_text("utf-8")),
                schemas=name in WITH_SCHEMAS,
            )
        )
        for name in SERVICES
    }


def _service(document: Json, *, schemas: bool) -> Json:
    """Return the facts of one document, without empty members."""
    methods = sorted(_own(document), key=lambda method: str(method["id"]))
    return _dense(
        {
            "name": document["name"],
            "version": document["version"],
            "revision": document["revision"],
            "host": _host(document["rootUrl"]),
            "base": document["servicePath"].rstrip("/"),
            "batch": document["batchPath"],
            "parameters": _parameters(document["parameters"]),
            "methods": [_method(document, method) for method in methods],
            "schemas": _schemas(document) if schemas else {},
        }
    )


def _host(root_url: str) -> str:
    """Return the first label of a service's host: `storage` of storage.googleapis.com."""
    found = re.fullmatch(r"https://([a-z0-9-]+)\.googleapis\.com/", root_url)
    if found is None:
        raise ValueError(f"unexpected root URL {root_url}")
    return found[1]


def _methods(node: Json) -> Iterator[Json]:
    yield from node.get("methods", {}).values()
    for child in node.get("resources", {}).values():
        yield from _methods(child)


def _own(document: Json) -> Iterator[Json]:
    """Return the methods of a version; an older one leaves out what it borrows from another."""
    older = f"{document['name']}.{document['version']}" in OLDER
    for method in _methods(document):
        if not older or method["path"].startswith(f"{document['version']}/"):
            yield method


def _method(document: Json, method: Json) -> Json:
    patterns = {
        name: parameter.get("pattern", "^[^/]+$")
        for name, parameter in method.get("parameters", {}).items()
        if parameter["location"] == "path"
    }
    if method["id"] in ONE_SEGMENT:
        patterns = {name: one.replace("/.*$", "/[^/]+$") for name, one in patterns.items()}
    media = method.get("mediaUpload", {}).get("protocols", {})
    path = _template(document["servicePath"] + method["path"], patterns)
    return _dense(
        {
            "id": _id(document, method["id"]),
            "verb": method["httpMethod"],
            "path": path,
            "upload": _template(media.get("simple", {}).get("path", "").lstrip("/"), patterns),
            "resumable": _template(
                media.get("resumable", {}).get("path", "").lstrip("/"), patterns
            ),
            "download": f"download/{path}" if method.get("useMediaDownloadService") else "",
            "media": method.get("supportsMediaDownload", False),
            "request": method.get("request", {}).get("$ref", ""),
            "response": method.get("response", {}).get("$ref", ""),
            "parameters": _parameters(method.get("parameters", {})),
        }
    )


def _id(document: Json, described: str) -> str:
    name, version = document["name"], document["version"]
    if f"{name}.{version}" not in OLDER:
        return described
    return f"{name}.{version}.{described.removeprefix(f'{name}.')}"


def _template(path: str, patterns: Mapping[str, str]) -> str:
    """Write every variable with the segments that its pattern admits."""

    def variable(found: re.Match[str]) -> str:
        segments = _segments(patterns[found[2]])
        if not found[1] and segments != "*":
            raise ValueError(f"{path}: {found[2]} is one segment with a pattern of several")
        return f"{{{found[2]}}}" if segments == "*" else f"{{{found[2]}={segments}}}"

    template = _VARIABLE.sub(variable, path)
    if re.search(r"\*\*\}[^:]|\}[^/:]|[^/]\{|:[^/]*/", template):
        raise ValueError(f"a form of template that the route table does not know: {template}")
    return template


def _segments(pattern: str) -> str:
    found = _PATTERN.fullmatch(pattern)
    if found is None:
        raise ValueError(f"a form of pattern that the route table does not know: {pattern}")
    return found[1].replace("[^/]+", "*") + ("/**" if found[2] else "")


def _parameters(parameters: Json) -> list[Json]:
    return [
        _dense(
            {
                "name": name,
                "in": parameter["location"],
                "type": parameter["type"],
                "format": parameter.get("format", ""),
                "required": parameter.get("required", False),
                "repeated": parameter.get("repeated", False),
                "enum": parameter.get("enum", []),
            }
        )
        for name, parameter in sorted(parameters.items())
    ]


def _schemas(document: Json) -> Json:
    return {name: _schema(schema) for name, schema in sorted(document["schemas"].items())}


def _schema(schema: Json) -> Json:
    items, values = schema.get("items"), schema.get("additionalProperties")
    return _dense(
        {
            "type": schema.get("type", ""),
            "format": schema.get("format", ""),
            "ref": schema.get("$ref", ""),
            "enum": schema.get("enum", []),
            "output": schema.get("readOnly", False),
            "required": sorted(schema.get("annotations", {}).get("required", [])),
            "items": _schema(items) if items else {},
            "values": _schema(values) if values else {},
            "properties": {
                name: _schema(child) for name, child in sorted(schema.get("properties", {}).items())
            },
        }
    )


def _dense(members: Json) -> Json:
    """Drop what is empty: the loader fills it in."""
    return {name: value for name, value in members.items() if value not in ("", [], {}, False)}


def _render(service: Json) -> str:
    """Write a table with one method or message on a line, so that a change reads as a diff."""
    head = {k: v for k, v in service.items() if k not in ("methods", "schemas")}
    lines = ",\n".join(_compact(method) for method in service["methods"])
    messages = ",\n".join(
        f"{_compact(name)}:{_compact(schema)}"
        for name, schema in service.get("schemas", {}).items()
    )
    tail = f',"schemas":{{\n{messages}\n}}' if messages else ""
    return f'{_compact(head)[:-1]},"methods":[\n{lines}\n]{tail}}}\n'


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


def main() -> int:
    """Write the tables, or with `--check` report those that differ."""
    folder = documents()
    if folder is None:
        print("google-api-python-client is not installed", file=sys.stderr)
        return 2
    stale = {
        name: text
        for name, text in derive(folder).items()
        if not (WIRE / name).exists() or (WIRE / name).read_text("utf-8") != text
    }
    for name, text in stale.items():
        print(f"{name}: {len(text):,} bytes")
        if "--check" not in sys.argv:
            (WIRE / name).write_text(text, "utf-8")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    raise SystemExit(main())
