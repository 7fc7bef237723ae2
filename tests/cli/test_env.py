from __future__ import annotations

import configparser
import json
import os
import shlex
import stat
import subprocess
from pathlib import Path

import pytest

from support.shell import Shell, Universe


def exports(output: str) -> dict[str, str]:
    pairs = {}
    for line in output.splitlines():
        word, assignment = shlex.split(line)
        assert word == "export"
        name, _, value = assignment.partition("=")
        pairs[name] = value
    return pairs


@pytest.fixture(autouse=True)
def clean_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)


def test_every_line_exports_one_variable_that_a_shell_takes(created: Shell) -> None:
    output = created.type("env").output
    variables = exports(output)
    shown = subprocess.run(
        ["/bin/sh", "-c", f'{output}\nprintf %s "$GOOGLE_CLOUD_PROJECT"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == variables["GOOGLE_CLOUD_PROJECT"] == "rempart:default"
    assert variables["GOOGLE_CLOUD_UNIVERSE_DOMAIN"] == "apis.rempart.test"
    assert variables["CLOUDSDK_CORE_UNIVERSE_DOMAIN"] == "apis.rempart.test"
    assert variables["REMPART_LOCATION"] == "u-local1"


def test_rempart_itself_finds_its_data_and_is_found_by_name(
    created: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    variables = exports(created.type("env").output)
    assert variables["REMPART_DATA"] == str(created.data.absolute())
    beside, _, rest = variables["PATH"].partition(":")
    assert (Path(beside) / "rempart").exists()
    assert rest == "/nowhere"
    monkeypatch.setenv("PATH", beside)
    assert "PATH" not in exports(created.type("env").output)


def test_a_strange_directory_name_does_not_escape_its_quotes(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "a $(touch x) 'b", Universe())
    assert shell.up().exit_code == 0
    key = exports(shell.type("env").output)["GOOGLE_APPLICATION_CREDENTIALS"]
    assert key == str(shell.data / "client" / "key.json")


def test_the_endpoint_form_asks_no_name_server_for_anything(created: Shell) -> None:
    variables = exports(created.type("env").output)
    urls = {value for value in variables.values() if "://" in value}
    assert urls
    assert all(url.startswith("https://localhost:") for url in urls)
    key = json.loads(Path(variables["GOOGLE_APPLICATION_CREDENTIALS"]).read_text())
    assert key["token_uri"] == variables["REMPART_URL"] + "/token"
    assert key["universe_domain"] == "apis.rempart.test"


def test_the_universe_form_names_hosts_and_gives_port_443_as_needed(created: Shell) -> None:
    output = created.type("env", "--universe").output
    variables = exports("\n".join(x for x in output.splitlines() if x.startswith("export")))
    assert not any("localhost" in value for value in variables.values())
    assert "# 127.0.0.1 storage.apis.rempart.test" in output.splitlines()
    assert "--listen 127.0.0.1:443" in output


def test_the_universe_form_takes_back_what_the_endpoint_form_set(
    created: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_ENDPOINT_OVERRIDE", "https://localhost:1")
    assert "unset API_ENDPOINT_OVERRIDE" in created.type("env", "--universe").output.splitlines()


def test_an_emulator_of_the_user_is_set_aside_because_it_would_turn_credentials_off(
    created: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://localhost:4443")
    assert "unset STORAGE_EMULATOR_HOST" in created.type("env").output.splitlines()


def test_another_project_can_be_named(created: Shell) -> None:
    variables = exports(created.type("env", "--project", "rempart:second").output)
    assert variables["CLOUDSDK_CORE_PROJECT"] == "rempart:second"


def test_client_files_are_for_their_owner_alone(created: Shell) -> None:
    created.type("env")
    created.type("env", "--universe")
    client = created.data / "client"
    assert stat.S_IMODE(client.stat().st_mode) == 0o700
    files = [path for path in client.rglob("*") if path.is_file()]
    assert len(files) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_gsutil_is_told_the_host_the_key_and_the_authority(created: Shell) -> None:
    variables = exports(created.type("env").output)
    boto = configparser.ConfigParser()
    boto.read(variables["BOTO_CONFIG"])
    assert boto["Credentials"]["gs_json_host"] == "localhost"
    assert boto["Credentials"]["gs_service_key_file"].endswith("/client/key.json")
    assert boto["Boto"]["ca_certificates_file"] == variables["REQUESTS_CA_BUNDLE"]
    assert boto["OAuth2"]["provider_token_uri"] == variables["REMPART_URL"] + "/token"


def test_the_bundle_begins_with_our_authority_and_keeps_the_machines_own(created: Shell) -> None:
    bundle = Path(exports(created.type("env").output)["SSL_CERT_FILE"])
    authority = (created.data / "ca.pem").read_text()
    first = bundle.read_text()
    assert first.startswith(authority)
    os.environ["SSL_CERT_FILE"], before = str(bundle), os.environ.get("SSL_CERT_FILE")
    try:
        created.type("env")
    finally:
        if before is None:
            del os.environ["SSL_CERT_FILE"]
        else:
            os.environ["SSL_CERT_FILE"] = before
    assert bundle.read_text().count(authority) == 1


def test_a_key_without_universe_is_made_only_when_asked_for(created: Shell) -> None:
    plain = exports(created.type("env", "--without-universe").output)
    key = json.loads(Path(plain["GOOGLE_APPLICATION_CREDENTIALS"]).read_text())
    assert "universe_domain" not in key
    assert created.type("env", "--without-universe", "--universe").exit_code == 1


def test_without_a_universe_env_says_how_to_create_one(shell: Shell) -> None:
    result = shell.type("env")
    assert result.exit_code == 1
    assert f"rempart up --data {shell.data}" in result.output
