"""Access levels on the certificate of a device, by Google's own clients through the TLS door.

Everything is about the neighbour's project, so that no other test meets a perimeter.
"""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.api_core import exceptions
from google.cloud import storage
from google.cloud.kms_v1 import ListKeyRingsRequest
from google.oauth2.credentials import Credentials

from rempart.core.certification_path import fingerprint
from support.certificates import DAY, Issued, common_name, root
from support.universe import REMPART, Universe

# The libraries leave their connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

ACM, THEIRS = "/accesscontextmanager/v1", "projects/222222222222"
NOW = dt.datetime.now(dt.UTC)
ROOT = root(NOW, "Devices")
BETWEEN = ROOT.issue(common_name("Laptops"), NOW, authority=True, path_length=0)
OTHER = root(NOW, "Other devices")
LISTED = "/google.cloud.kms.v1.KeyManagementService/ListKeyRings"
TRUSTED = (
    "device.certificates.exists(cert, cert.is_valid && cert.root_ca_fingerprint =="
    f' "{fingerprint(ROOT.certificate)}")'
)
Shown = tuple[Path, Path]


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch, universe: Universe) -> None:
    """Let the universe's names lead to this machine, as its DNS server would."""
    asked: Any = socket.getaddrinfo

    def here(host: Any, *rest: Any, **more: Any) -> Any:
        own = isinstance(host, str) and host.endswith(universe.domain)
        return asked("127.0.0.1" if own else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", here)


@dataclass
class Devices:
    """A perimeter around the neighbour's project, and calls into it from devices."""

    universe: Universe
    admin: httpx.Client
    policy: str
    level: str

    @property
    def project(self) -> str:
        return self.universe.keys["neighbour"]["project_id"]

    @property
    def token(self) -> str:
        return self.universe.token(self.universe.keys["neighbour"])

    def url(self, host: str = "storage.mtls") -> str:
        return f"https://{host}.{self.universe.domain}:{self.universe.listen}"

    def status(
        self, shown: Shown | None, url: str, path: str = "/storage/v1/b", **headers: str
    ) -> int:
        """Return what a list of buckets is answered with, by plain HTTP."""
        context = self.universe.trust()
        if shown is not None:
            context.load_cert_chain(*shown)
        sent = {"Authorization": f"Bearer {self.token}", **headers}
        with httpx.Client(verify=context, trust_env=False) as client:
            return client.get(
                url + path, params={"project": self.project}, headers=sent
            ).status_code

    def key_rings(self, shown: Shown | None, roots: bytes, host: str) -> grpc.StatusCode:
        """Return what gRPC answers to a list of key rings."""
        pair = [shown[1].read_bytes(), shown[0].read_bytes()] if shown else []
        name = f"{host}.{self.universe.domain}"
        options = (("grpc.ssl_target_name_override", name), ("grpc.default_authority", name))
        request = ListKeyRingsRequest(
            parent=f"projects/{self.project}/locations/{self.universe.location}"
        )
        with grpc.secure_channel(
            f"127.0.0.1:{self.universe.listen}",
            grpc.ssl_channel_credentials(roots, *pair),
            options,
        ) as channel:
            ask: Any = channel.unary_unary(LISTED, ListKeyRingsRequest.serialize)
            try:
                ask(request, metadata=[("authorization", f"Bearer {self.token}")], timeout=10)
            except grpc.RpcError as problem:
                return problem.code()
        return grpc.StatusCode.OK


@pytest.fixture(scope="module")
def devices(shell: Universe, admin: httpx.Client) -> Iterator[Devices]:
    file = shell.data / "device-authorities.pem"
    file.write_text(ROOT.pem + BETWEEN.pem + OTHER.pem)
    body = {"parent": shell.above["organizations"], "title": "devices"}
    policy = admin.post(f"{ACM}/accessPolicies", json=body).json()["response"]["name"]
    level = {
        "name": f"{policy}/accessLevels/laptop",
        "custom": {"expr": {"expression": TRUSTED}},
    }
    made = admin.post(f"{ACM}/{policy}/accessLevels", json=level)
    assert made.status_code == 200, made.text
    yield Devices(shell, admin, policy, level["name"])  # type: ignore[arg-type]  # it is a text
    admin.delete(f"{ACM}/{policy}")
    file.unlink()


@pytest.fixture
def perimeter(devices: Devices) -> Iterator[None]:
    """Put the project into a perimeter that the level alone leads into."""
    config = {
        "resources": [THEIRS],
        "restrictedServices": ["storage.googleapis.com", "cloudkms.googleapis.com"],
        "accessLevels": [devices.level],
    }
    name = f"{devices.policy}/servicePerimeters/box"
    body = {"name": name, "title": "box", "status": config}
    made = devices.admin.post(f"{ACM}/{devices.policy}/servicePerimeters", json=body)
    assert made.status_code == 200, made.text
    yield
    devices.admin.delete(f"{ACM}/{name}")


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return BETWEEN.issue(common_name("laptop-7"), NOW).write(tmp_path_factory.mktemp("laptop"))


@pytest.mark.usefixtures("perimeter")
def test_googles_client_gets_in_from_a_device_and_from_nowhere_else(
    devices: Devices, laptop: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    universe = devices.universe
    monkeypatch.setenv("GOOGLE_API_USE_CLIENT_CERTIFICATE", "true")

    def client(shown: Shown | None) -> Any:
        options: dict[str, Any] = {
            "api_endpoint": devices.url(),
            "universe_domain": universe.domain,
        }
        if shown:
            pair = shown[0].read_bytes(), shown[1].read_bytes()
            options["client_cert_source"] = lambda: pair
        credentials = Credentials(devices.token, universe_domain=universe.domain)  # type: ignore[no-untyped-call]  # Google's is untyped
        return storage.Client(
            project=devices.project, credentials=credentials, client_options=options
        )

    assert list(client(laptop).list_buckets(prefix="made-by-nobody", retry=None)) == []
    with pytest.raises(exceptions.Forbidden, match="Request is prohibited by organization's"):
        list(client(None).list_buckets(retry=None))


@pytest.mark.usefixtures("perimeter")
@pytest.mark.parametrize(
    "made",
    [
        lambda: BETWEEN.issue(common_name("old"), NOW, begins=-2 * DAY, ends=-DAY),
        lambda: OTHER.issue(common_name("laptop-7"), NOW),
        lambda: root(NOW, "Devices").issue(common_name("laptop-7"), NOW),
    ],
    ids=["expired", "another authority's", "nobody's"],
)
def test_no_other_certificate_leads_in(
    devices: Devices, tmp_path: Path, made: Callable[[], Issued]
) -> None:
    assert devices.status(made().write(tmp_path), devices.url()) == 403


@pytest.mark.usefixtures("perimeter")
def test_a_certificate_counts_where_its_key_was_proved_and_only_there(
    devices: Devices, laptop: Shown
) -> None:
    universe, quoted = devices.universe, laptop[0].read_text()
    for old, new in ((" ", "%20"), ("\n", "%0A"), ("+", "%2B"), ("=", "%3D")):
        quoted = quoted.replace(old, new)
    forged = {"x-forwarded-client-cert": f'Hash={"0" * 64};Cert="{quoted}"'}
    mutual = {"Host": f"storage.mtls.{universe.domain}"}
    assert devices.status(laptop, devices.url()) == 200
    assert devices.status(None, devices.url(), **forged) == 403
    for url in (devices.url("storage"), universe.url, universe.plain_url):
        assert devices.status(laptop, url, **forged) == 403, url
        assert devices.status(laptop, url, **forged, **mutual) == 403, url


@pytest.mark.usefixtures("perimeter")
def test_each_call_of_a_batch_comes_from_the_device(devices: Devices, laptop: Shown) -> None:
    part = f"GET /storage/v1/b?project={devices.project} HTTP/1.1"
    lines = ["--b", "Content-Type: application/http", "", part, "", "--b--"]
    context = devices.universe.trust()
    context.load_cert_chain(*laptop)
    headers = {
        "Authorization": f"Bearer {devices.token}",
        "Content-Type": "multipart/mixed; boundary=b",
    }
    with httpx.Client(verify=context, trust_env=False, headers=headers) as client:
        answer = client.post(f"{devices.url()}/batch/storage/v1", content="\r\n".join(lines))
    assert "HTTP/1.1 200" in answer.text, answer.text


@pytest.mark.usefixtures("perimeter")
def test_grpc_gets_in_from_the_device_too(
    devices: Devices, laptop: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = Path(devices.universe.env["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"]).read_bytes()
    monkeypatch.undo()
    assert devices.key_rings(laptop, roots, "cloudkms.mtls") is grpc.StatusCode.OK
    denied = grpc.StatusCode.PERMISSION_DENIED
    assert devices.key_rings(None, roots, "cloudkms.mtls") is denied
    assert devices.key_rings(laptop, roots, "cloudkms") is denied


@pytest.mark.usefixtures("perimeter")
def test_rempart_says_what_the_certificate_of_a_device_would_open(
    devices: Devices, laptop: Shown, tmp_path: Path
) -> None:
    universe = devices.universe
    who = universe.keys["neighbour"]["client_email"]

    def why(*words: str | Path) -> tuple[int, str]:
        told = universe.run(
            REMPART, "why", "--data", universe.data, who, "storage.buckets.list",
            f"projects/{devices.project}", *words, code=None,
        )  # fmt: skip
        return told.returncode, told.stdout + told.stderr

    other = OTHER.issue(common_name("laptop-7"), NOW).write(tmp_path)
    code, said = why("--from", "127.0.0.1")
    assert code == 1
    assert said.startswith("Not known")
    assert "a device with --certificate" in said
    assert why("--from", "127.0.0.1", "--certificate", laptop[0])[0] == 0
    code, said = why("--from", "127.0.0.1", "--certificate", other[0])
    assert code == 1
    assert said.startswith("No")
    assert not said.startswith("Not known")
    code, said = why("--certificate", laptop[1])
    assert code == 2
    assert "no certificate in PEM" in said


def test_a_service_account_is_held_to_its_device(devices: Devices, laptop: Shown) -> None:
    bindings = f"{ACM}/{devices.universe.above['organizations']}/gcpUserAccessBindings"
    body = {
        "principal": {"serviceAccountProjectNumber": THEIRS.partition("/")[2]},
        "accessLevels": [devices.level],
    }
    made = devices.admin.post(bindings, json=body)
    assert made.status_code == 200, made.text
    try:
        assert devices.status(laptop, devices.url()) == 200
        assert devices.status(None, devices.url()) == 403
    finally:
        devices.admin.delete(f"{ACM}/{made.json()['response']['name']}")
