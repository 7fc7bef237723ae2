"""Clients that build host names from the universe domain, as `rempart env --universe` prepares it.

A network and a mount namespace are made for it, so that port 443 and /etc/hosts of the machine stay
as they are, and no name server can be asked by mistake.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from rempart.core.certification_path import fingerprint
from support.certificates import Issued, common_name, root
from support.named import named_universe
from support.universe import CommandFailed, Universe, program

PYTHON = """
import os, sys
from google.cloud import storage
domain = os.environ["GOOGLE_CLOUD_UNIVERSE_DOMAIN"]
client = storage.Client(client_options={"universe_domain": domain})
blob = client.bucket(sys.argv[1]).blob("by python")
blob.upload_from_string(b"x" * 3_000_000)
print(client._connection.API_BASE_URL, len(blob.download_as_bytes()))
"""


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Universe]:
    with named_universe(tmp_path_factory.mktemp("named")) as universe:
        yield universe


@pytest.fixture
def named_bucket(named: Universe, name: str) -> str:
    """Return a new bucket, made by curl by the universe's real name."""
    body = json.dumps({"name": name, "location": named.location})
    made = curl(named, "POST", f"/storage/v1/b?project={named.project}", "-d", body)
    assert json.loads(made)["name"] == name
    return name


def curl(named: Universe, verb: str, path: str, *more: str, api: str = "storage") -> str:
    url = f"https://{api}.{named.domain}{path}"
    bearer = f"Authorization: Bearer {named.token()}"
    kind = "Content-Type: application/json"
    words = (program("curl"), "-sS", "--fail", "-X", verb, "-H", bearer, "-H", kind, *more, url)
    return named.run(*words).stdout


def test_the_machine_itself_knows_none_of_these_names(named: Universe) -> None:
    done = subprocess.run(
        ["getent", "hosts", f"storage.{named.domain}"], capture_output=True, check=False
    )
    assert done.returncode != 0
    assert named.domain not in Path("/etc/hosts").read_text()


def test_curl_reaches_the_universe_by_its_name(named: Universe, named_bucket: str) -> None:
    upload = f"/upload/storage/v1/b/{named_bucket}/o?uploadType=media&name=a"
    curl(named, "POST", upload, "--data-binary", "by name")
    assert curl(named, "GET", f"/storage/v1/b/{named_bucket}/o/a?alt=media") == "by name"


def test_gcloud_goes_by_the_universe_domain_alone(
    named: Universe, named_bucket: str, tmp_path: Path
) -> None:
    assert not any("ENDPOINT_OVERRIDES" in name for name in named.env)
    gcloud, source, back = program("gcloud"), tmp_path / "source", tmp_path / "back"
    source.write_bytes(b"by gcloud\n" * 1000)
    alone = {"CLOUDSDK_STORAGE_PROCESS_COUNT": "1"}
    url = f"gs://{named_bucket}/by gcloud"
    named.run(gcloud, "storage", "cp", source, url, env=alone)
    assert url in named.run(gcloud, "storage", "ls", f"gs://{named_bucket}", env=alone).stdout
    named.run(gcloud, "storage", "cp", url, back, env=alone)
    assert back.read_bytes() == source.read_bytes()


def test_gcloud_reaches_the_inventory_of_keys_for_which_it_knows_no_other_form(
    named: Universe, name: str
) -> None:
    gcloud, ring = program("gcloud"), f"--keyring={name}"
    where = f"--location={named.location}"
    named.run(gcloud, "kms", "keyrings", "create", name, where)
    named.run(gcloud, "kms", "keys", "create", "k", ring, where, "--purpose=encryption")
    inventory = (gcloud, "kms", "inventory")
    listed = json.loads(named.run(*inventory, "list-keys", "--format=json").stdout)
    [key] = [one["name"] for one in listed if name in one["name"]]
    summary = named.run(*inventory, "get-protected-resources-summary", f"--keyname={key}")
    assert "resourceCount: '0'" in summary.stdout


def test_pythons_client_builds_the_host_from_the_domain(named: Universe, named_bucket: str) -> None:
    shown = named.run(sys.executable, "-c", PYTHON, named_bucket).stdout
    assert shown.split() == [f"https://storage.{named.domain}", "3000000"]


def test_gcloud_prints_an_id_token_of_the_account_whose_key_it_has(named: Universe) -> None:
    me = named.admin_key["client_email"]
    role, members = "roles/iam.serviceAccountOpenIdTokenCreator", [f"serviceAccount:{me}"]
    body = json.dumps({"policy": {"bindings": [{"role": role, "members": members}]}})
    account = f"/v1/projects/{named.project}/serviceAccounts/{me}"
    curl(named, "POST", f"{account}:setIamPolicy", "-d", body, api="iam")
    words = ("auth", "print-identity-token", "--audiences=https://service.example.test")
    token = named.run(program("gcloud"), *words).stdout.strip()
    keys = json.loads(curl(named, "GET", "/oauth2/v3/certs", api="accounts"))
    key = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(token)["kid"]].key
    claims = jwt.decode(token, key, ["RS256"], audience="https://service.example.test")
    assert (claims["email"], claims["iss"]) == (me, f"https://accounts.{named.domain}")


def test_a_program_with_a_certificate_signs_in_by_the_settings_that_gcloud_wrote(
    named: Universe, named_bucket: str, tmp_path: Path
) -> None:
    now, gcloud = dt.datetime.now(dt.UTC), program("gcloud")
    anchor = root(now)
    certificate, key = anchor.issue(common_name("robot"), now).write(tmp_path)
    settings, anchors = tmp_path / "settings.json", [{"pemCertificate": anchor.pem}]
    where = f"/v1/projects/{named.project}/locations/global/workloadIdentityPools"
    made = curl(named, "POST", f"{where}?workloadIdentityPoolId=machines", "-d", "{}", api="iam")
    pool = json.loads(made)["response"]["name"]
    body = json.dumps({"x509": {"trustStore": {"trustAnchors": anchors}}})
    path = f"/v1/{pool}/providers?workloadIdentityPoolProviderId=ours"
    curl(named, "POST", path, "-d", body, api="iam")
    named.run(
        gcloud,
        *("iam", "workload-identity-pools", "create-cred-config", f"{pool}/providers/ours"),
        f"--output-file={settings}",
        *(f"--credential-cert-path={certificate}", f"--credential-cert-private-key-path={key}"),
        f"--credential-cert-configuration-output-file={tmp_path}/certificate.json",
    )
    member = f"principal://iam.googleapis.com/{pool}/subject/robot"
    binding = {"role": "roles/storage.objectAdmin", "members": [member]}
    body = json.dumps({"bindings": [binding]})
    curl(named, "PUT", f"/storage/v1/b/{named_bucket}/iam", "-d", body)
    config = tmp_path / "gcloud"
    env = {"CLOUDSDK_CONFIG": str(config), "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": ""}
    told = named.run(gcloud, "auth", "login", f"--cred-file={settings}", env=env).stderr
    assert member in told
    named.run(gcloud, "storage", "cp", certificate, f"gs://{named_bucket}/plan", env=env)
    env = {"GOOGLE_APPLICATION_CREDENTIALS": str(settings)}
    assert "3000000" in named.run(sys.executable, "-c", PYTHON, named_bucket, env=env).stdout


def test_gcloud_shows_the_certificate_of_its_device_to_hosts_that_ask(
    named: Universe, tmp_path: Path
) -> None:
    now = dt.datetime.now(dt.UTC)
    anchor = root(now)
    (named.data / "device-authorities.pem").write_text(anchor.pem)
    pin = fingerprint(anchor.certificate)
    trusted = f'device.certificates.exists(c, c.is_valid && c.root_ca_fingerprint == "{pin}")'
    policy = _perimeter(named, tmp_path, f"expression: {trusted}\n")
    (tmp_path / "neighbour.json").write_text(json.dumps(named.keys["neighbour"]))
    who = {
        "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": str(tmp_path / "neighbour.json"),
        "CLOUDSDK_CORE_PROJECT": named.keys["neighbour"]["project_id"],
        "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
    }
    device = {
        "CLOUDSDK_CONTEXT_AWARE_USE_CLIENT_CERTIFICATE": "true",
        "CLOUDSDK_CONTEXT_AWARE_AUTO_DISCOVERY_FILE_PATH": str(
            _provider(tmp_path, anchor.issue(common_name("laptop-7"), now))
        ),
    }
    listing = (program("gcloud"), "storage", "buckets", "list")
    with pytest.raises(CommandFailed, match="vpcServiceControlsUniqueIdentifier"):
        named.run(*listing, env=who)
    named.run(*listing, env=who | device)
    curl(named, "DELETE", f"/v1/{policy}", api="accesscontextmanager")


def _perimeter(named: Universe, folder: Path, level: str) -> str:
    """Have gcloud close the neighbour's project to all but a custom level; return the policy."""
    body = json.dumps({"parent": named.above["organizations"], "title": "devices"})
    made = curl(named, "POST", "/v1/accessPolicies", "-d", body, api="accesscontextmanager")
    policy: str = json.loads(made)["response"]["name"]
    number = f"--policy={policy.partition('/')[2]}"
    acm = (program("gcloud"), "access-context-manager")
    (folder / "level.yaml").write_text(level)
    spec = f"--custom-level-spec={folder}/level.yaml"
    named.run(*acm, "levels", "create", "laptop", number, "--title=laptop", spec)
    inside = ("--resources=projects/222222222222", "--restricted-services=storage.googleapis.com")
    named.run(
        *(*acm, "perimeters", "create", "box", number, "--title=box", *inside),
        *("--access-levels=laptop", "--perimeter-type=regular"),
    )
    return policy


def _provider(folder: Path, issued: Issued) -> Path:
    """Write what an agent on a device would: how gcloud asks it for the certificate and its key."""
    certificate, key = issued.write(folder)
    sealed = issued.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"word"),
    )
    word = b"-----BEGIN PASSPHRASE-----\nword\n-----END PASSPHRASE-----\n"
    (folder / "plain").write_bytes(certificate.read_bytes() + key.read_bytes())
    (folder / "sealed").write_bytes(certificate.read_bytes() + sealed + word)
    asked = 'case "$*" in *passphrase*) cat "$0/sealed";; *) cat "$0/plain";; esac'
    settings = folder / "context_aware_metadata.json"
    settings.write_text(json.dumps({"cert_provider_command": ["sh", "-c", asked, str(folder)]}))
    return settings
