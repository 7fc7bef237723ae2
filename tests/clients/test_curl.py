"""`curl`, as the README and the documentation show it."""

from __future__ import annotations

import json
from pathlib import Path

from support.universe import REMPART, Universe, program


def test_curl_needs_no_more_than_the_environment_and_a_token(
    universe: Universe, name: str, tmp_path: Path
) -> None:
    curl = program("curl")
    token = universe.run(REMPART, "token", "--data", universe.data).stdout.strip()

    def ask(verb: str, path: str, *more: str) -> str:
        bearer = f"Authorization: Bearer {token}"
        command = (curl, "-sS", "--fail", "-X", verb, "-H", bearer, *more)
        return universe.run(*command, universe.env["REMPART_URL"] + path).stdout

    made = json.dumps({"name": name, "location": universe.location})
    content = ("-H", "Content-Type: application/json", "-d")
    query = f"?project={universe.project}"
    assert json.loads(ask("POST", f"/storage/v1/b{query}", *content, made))["name"] == name
    source = tmp_path / "file"
    source.write_bytes(b"by curl\n" * 1000)
    upload = f"/upload/storage/v1/b/{name}/o?uploadType=media&name=dir%2Ffile"
    ask("POST", upload, "-H", "Content-Type: text/plain", "--data-binary", f"@{source}")
    assert ask("GET", f"/storage/v1/b/{name}/o/dir%2Ffile?alt=media") == source.read_text()
    first = ask("GET", f"/storage/v1/b/{name}/o/dir%2Ffile?alt=media", "-r", "0-6")
    assert first == "by curl"
    listed = json.loads(ask("GET", f"/storage/v1/b/{name}/o?prefix=dir/"))
    assert [item["name"] for item in listed["items"]] == ["dir/file"]
    assert ask("DELETE", f"/storage/v1/b/{name}/o/dir%2Ffile") == ""
    assert ask("DELETE", f"/storage/v1/b/{name}") == ""


def test_curl_speaks_http_2_and_uploads_from_standard_input(
    universe: Universe, bucket: str
) -> None:
    curl = program("curl")
    bearer = f"Authorization: Bearer {universe.token()}"
    url = f"{universe.url}/upload/storage/v1/b/{bucket}/o?uploadType=media&name=streamed"
    shown = ("-o", "/dev/null", "-w", "%{http_version} %{response_code}")
    put = (curl, "-sS", "--http2", "-X", "POST", "-H", bearer, "-H", "Expect:", *shown)
    done = universe.run(*put, "-T", "-", url, stdin=b"x" * 3_000_000)
    assert done.stdout == "2 200"
    got = universe.run(
        curl, "-sS", "-H", bearer, f"{universe.url}/storage/v1/b/{bucket}/o/streamed?alt=media"
    )
    assert got.stdout == "x" * 3_000_000


def test_a_stranger_to_the_authority_is_not_talked_to(universe: Universe) -> None:
    curl = program("curl")
    done = universe.run(
        curl,
        "-sS",
        universe.url,
        code=None,
        env={"CURL_CA_BUNDLE": "/dev/null", "SSL_CERT_FILE": ""},
    )
    assert done.returncode in {60, 77}
