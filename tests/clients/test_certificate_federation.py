"""Programs with a certificate, by Google's own tools: the handshake proves who they are."""

from __future__ import annotations

import datetime as dt
import json
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.auth import exceptions, identity_pool
from google.auth.transport.requests import Request
from google.cloud import storage

from support.certificates import Issued, chain, common_name, root
from support.universe import CLOUD_PLATFORM, Universe, created, program

# The library leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

NOW = dt.datetime.now(dt.UTC)
ROOT = root(NOW, "Machines")
BETWEEN = ROOT.issue(common_name("Site"), NOW, authority=True, path_length=0)
HEADER = "x-forwarded-client-cert"
MTLS = "urn:ietf:params:oauth:token-type:mtls"


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch, universe: Universe) -> None:
    """Let the universe's names lead to this machine, as its DNS server would."""
    asked: Any = socket.getaddrinfo

    def here(host: Any, *rest: Any, **more: Any) -> Any:
        own = isinstance(host, str) and host.endswith(universe.domain)
        return asked("127.0.0.1" if own else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", here)


@dataclass
class Machine:
    """A pool and provider that gcloud made, and a program with its certificate and settings."""

    universe: Universe
    folder: Path
    provider: str
    issued: Issued

    @property
    def token_url(self) -> str:
        return f"https://sts.mtls.{self.universe.domain}:{self.universe.listen}/v1/token"

    def member(self, rest: str) -> str:
        return f"principal://iam.googleapis.com/{self.provider.partition('/providers/')[0]}/{rest}"

    def credentials(self) -> Any:
        """Return what Google's library makes of the settings that gcloud wrote."""
        content = json.loads((self.folder / "workload.json").read_text())
        domain = self.universe.domain
        assert content["token_url"] == f"https://sts.mtls.{domain}/v1/token"
        assert content["subject_token_type"] == MTLS
        make: Any = identity_pool.Credentials.from_info
        return make(content | {"token_url": self.token_url}, scopes=[CLOUD_PLATFORM])

    def ask(
        self,
        url: str,
        *,
        shown: tuple[Path, Path] | None = None,
        token: str = "",
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Ask for a token by plain HTTP, with any certificate, token and headers."""
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": f"//iam.googleapis.com/{self.provider}",
            "scope": CLOUD_PLATFORM,
            "subject_token_type": MTLS,
            "subject_token": token,
        }
        context = self.universe.trust()
        if shown is not None:
            context.load_cert_chain(*shown)
        with httpx.Client(verify=context, trust_env=False) as client:
            return client.post(url, data=form, headers=headers)


@pytest.fixture(scope="module")
def machine(
    shell: Universe, admin: httpx.Client, tmp_path_factory: pytest.TempPathFactory
) -> Machine:
    folder, pool = tmp_path_factory.mktemp("machine"), f"mp-{uuid.uuid4().hex[:8]}"
    issued = BETWEEN.issue(common_name("robot"), NOW)
    certificate, key = issued.write(folder)
    (folder / "chain.pem").write_text(issued.pem + BETWEEN.pem)
    store = {"trustStore": {"trustAnchors": [{"pemCertificate": ROOT.pem}]}}
    (folder / "store.yaml").write_text(json.dumps(store))  # JSON is YAML too
    pools = f"/iam/v1/projects/{shell.project}/locations/global/workloadIdentityPools"
    made = admin.post(pools, params={"workloadIdentityPoolId": pool}, json={})
    provider = made.json()["response"]["name"] + "/providers/machines"
    gcloud, words = program("gcloud"), ("iam", "workload-identity-pools")
    shell.run(
        gcloud,
        *(*words, "providers", "create-x509", "machines", "--location=global"),
        *(f"--workload-identity-pool={pool}", f"--trust-store-config-path={folder}/store.yaml"),
        "--attribute-mapping=google.subject=assertion.subject.dn.cn",
    )
    shell.run(
        gcloud,
        *(*words, "create-cred-config", provider, f"--output-file={folder}/workload.json"),
        *(f"--credential-cert-path={certificate}", f"--credential-cert-private-key-path={key}"),
        f"--credential-cert-configuration-output-file={folder}/certificate.json",
        f"--credential-cert-trust-chain-path={folder}/chain.pem",
    )
    return Machine(shell, folder, provider, issued)


@pytest.fixture
def stranger(tmp_path: Path) -> tuple[Path, Path]:
    """Return a certificate of an authority that nobody here trusts, for the same name."""
    return root(NOW, "Machines").issue(common_name("robot"), NOW).write(tmp_path)


@pytest.fixture
def secret(admin: httpx.Client, universe: Universe, name: str, machine: Machine) -> str:
    """Return a bucket with an object that the machine may read."""
    uniform = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
    created(admin, universe, name, uniform)
    put = f"/upload/storage/v1/b/{name}/o"
    answer = admin.post(put, params={"uploadType": "media", "name": "plan"}, content=b"the plan")
    assert answer.status_code == 200
    binding = {"role": "roles/storage.objectViewer", "members": [machine.member("subject/robot")]}
    answer = admin.put(f"/storage/v1/b/{name}/iam", json={"bindings": [binding]})
    assert answer.status_code == 200, answer.text
    return name


def test_a_certificate_opens_what_its_member_may(machine: Machine, secret: str) -> None:
    universe = machine.universe
    client = storage.Client(
        project=universe.project,
        credentials=machine.credentials(),
        client_options={"api_endpoint": universe.url, "universe_domain": universe.domain},
    )
    assert client.bucket(secret).blob("plan").download_as_bytes(retry=None) == b"the plan"
    client.close()


def test_the_library_is_told_in_oauths_words_when_the_provider_is_disabled(
    admin: httpx.Client, machine: Machine
) -> None:
    credentials, provider = machine.credentials(), f"/iam/v1/{machine.provider}"
    credentials.refresh(Request())
    mask = {"updateMask": "disabled"}
    assert admin.patch(provider, params=mask, json={"disabled": True}).status_code == 200
    with pytest.raises(exceptions.OAuthError, match="invalid_target"):
        credentials.refresh(Request())
    assert admin.patch(provider, params=mask, json={"disabled": False}).status_code == 200


def test_a_certificate_alone_is_enough_without_a_token(machine: Machine) -> None:
    own = machine.folder / "chain.pem", machine.folder / "workload.key"
    answer = machine.ask(machine.token_url, shown=own)
    assert answer.status_code == 400  # what lies between is in the token, not in the handshake
    answer = machine.ask(machine.token_url, shown=own, token=chain(machine.issued, BETWEEN))
    assert answer.status_code == 200, answer.text
    introspect = machine.token_url.replace("/token", "/introspect")
    with httpx.Client(verify=machine.universe.trust(), trust_env=False) as client:
        told = client.post(introspect, data={"token": answer.json()["access_token"]}).json()
    assert told["username"] == machine.member("subject/robot")


def test_nobody_is_taken_for_the_holder_of_a_key_that_they_lack(
    machine: Machine, stranger: tuple[Path, Path]
) -> None:
    universe, token = machine.universe, chain(machine.issued, BETWEEN)
    forged = {HEADER: f'Hash={"0" * 64};Cert="{_quoted(machine.issued.pem)}"'}
    urls = [
        machine.token_url,
        f"{universe.url}/sts/v1/token",
        f"{universe.plain_url}/sts/v1/token",
        f"https://sts.{universe.domain}:{universe.listen}/v1/token",
    ]
    for url in urls:
        for shown in (None, stranger):
            answer = machine.ask(url, shown=shown, token=token, headers=forged)
            assert answer.status_code == 400, url
            assert answer.json()["error"] in {"invalid_request", "invalid_grant"}
    hosts = {**forged, "host": f"sts.mtls.{universe.domain}"}
    for url in (f"{universe.plain_url}/v1/token", f"{universe.url}/v1/token"):
        answer = machine.ask(url, token=token, headers=hosts)
        assert answer.json()["error"] == "invalid_request", answer.text
        assert "showed no certificate" in answer.json()["error_description"]


def _quoted(pem: str) -> str:
    return pem.replace(" ", "%20").replace("\n", "%0A").replace("+", "%2B").replace("=", "%3D")
