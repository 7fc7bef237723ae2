"""`gcloud` and Google's library as people of an organization use them, by the universe's names."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import saml_provider
from support.chromium import Page, browser
from support.named import named_universe
from support.oidc_provider import SECRET, OIDCProvider, running
from support.saml_provider import SAMLProvider
from support.universe import Universe, program

POOL, PROVIDER = "corp-people", "corp"
NAME = f"locations/global/workforcePools/{POOL}/providers/{PROVIDER}"
LIST = """
import google.auth, google.auth.transport.requests, os, sys
credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
credentials.refresh(google.auth.transport.requests.Request())
from google.cloud import storage
domain = os.environ["GOOGLE_CLOUD_UNIVERSE_DOMAIN"]
client = storage.Client(credentials=credentials, client_options={"universe_domain": domain})
print(type(credentials).__module__, *[one.name for one in client.list_blobs(sys.argv[1])])
"""

TOKEN = """
import ssl, sys
import httpx
from support import saml_provider
from support.oidc_provider import SECRET, sign_in
issuer, back, authority = sys.argv[1:]
trust = ssl.create_default_context(cafile=authority)
query = {"client_id": "rempart", "response_type": "code", "redirect_uri": back, "scope": "openid"}
with httpx.Client(base_url=issuer, verify=trust, trust_env=False) as browser:
    code = sign_in(browser, str(httpx.URL("/auth", params=query)), "alice", back)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
    print(browser.post("/token", data=form, auth=("rempart", SECRET)).json()["id_token"])
"""


@dataclass
class Stand:
    """A universe by its names, an organization's provider beside it, and somebody's folder."""

    universe: Universe
    idp: OIDCProvider
    home: Path

    def admin(self, *words: str) -> str:
        return self.universe.run(program("gcloud"), *words).stdout

    def rest(self, verb: str, path: str, body: Mapping[str, object]) -> None:
        """Ask Cloud Storage as the administrator: gcloud would take its time."""
        bearer = f"Authorization: Bearer {self.universe.token()}"
        command = [program("curl"), "-sS", "--fail", "-X", verb, "-H", bearer]
        command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        self.universe.run(*command, f"https://storage.{self.universe.domain}{path}")

    @property
    def env(self) -> dict[str, str]:
        """Return the environment of somebody who has no key."""
        dropped = (
            "GOOGLE_APPLICATION_CREDENTIALS",
            "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
            "CLOUDSDK_CORE_DISABLE_PROMPTS",
        )
        kept = {key: value for key, value in self.universe.env.items() if key not in dropped}
        return kept | {"CLOUDSDK_CONFIG": str(self.home / "gcloud"), "HOME": str(self.home)}

    def person(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [*self.universe.inside, program("gcloud"), *words],
            capture_output=True,
            env=self.env,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr.decode()
        return (done.stdout + done.stderr).decode()

    def log_in(self, page: Page, *words: str) -> str:
        """Run a login that shows an address and asks for a code; the browser is beside it."""
        gcloud = subprocess.Popen(
            [*self.universe.inside, program("gcloud"), *words, "--no-launch-browser"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.env,
        )
        assert gcloud.stdin is not None
        assert gcloud.stdout is not None
        said = b""
        while not (found := re.search(rb"(https://auth\.cloud\.\S+)\s", said)):
            piece = os.read(gcloud.stdout.fileno(), 4096)
            assert piece, said.decode()
            said += piece
        page.open(found[1].decode())
        if page.evaluate("!!document.querySelector('[name=login]')"):
            page.fill("login", "alice")
            page.fill("password", "any")
            page.click("[type=submit]")
            consent = "!!document.querySelector('[value=consent]')"
            page.wait(lambda: page.evaluate(consent) or "Let a program act" in page.text)
            if page.evaluate(consent):
                page.click("[type=submit]")
        page.wait(lambda: "Let a program act for you?" in page.text)
        page.click("button[value=yes]")
        page.wait(lambda: page.evaluate("!!document.querySelector('output')"))
        code = page.evaluate("document.querySelector('output').innerText")
        rest, _ = gcloud.communicate(f"{code}\n".encode(), timeout=60)
        assert gcloud.returncode == 0, (said + rest).decode()
        return (said + rest).decode()


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Stand]:
    home = tmp_path_factory.mktemp("people")
    with named_universe(home) as universe:
        uri = f"https://auth.cloud.{universe.domain}/signin-callback/{NAME}"
        with running(
            tmp_path_factory.mktemp("idp"),
            pytestconfig,
            authority=universe.outside,
            clients={"rempart": (uri,)},
            inside=universe.inside,
        ) as idp:
            yield Stand(universe, idp, home)


@pytest.fixture(scope="module")
def saml(
    stand: Stand, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[SAMLProvider]:
    universe, folder = stand.universe, tmp_path_factory.mktemp("saml")
    with saml_provider.running(
        folder, pytestconfig, universe.outside, inside=universe.inside
    ) as made:
        yield made


@pytest.fixture(scope="module")
def page(
    stand: Stand, saml: SAMLProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    hosts = (stand.idp.folder / "localhost.pem", saml.folder / "localhost.pem")
    believed = (stand.universe.data / "ca.pem", *hosts)
    folder = tmp_path_factory.mktemp("browser")
    with browser(folder, believed, stand.universe.inside) as made:
        yield made


@pytest.fixture(scope="module")
def bucket(stand: Stand) -> str:
    """Set up a pool with a provider, and a bucket that its group of engineers may read."""
    organization = stand.universe.above["organizations"].removeprefix("organizations/")
    pools = ("iam", "workforce-pools")
    stand.admin(*pools, "create", POOL, "--location=global", f"--organization={organization}",
                "--session-duration=1800s")  # fmt: skip
    stand.admin(
        *pools, "providers", "create-oidc", PROVIDER, f"--workforce-pool={POOL}",
        "--location=global", f"--issuer-uri={stand.idp.issuer}", "--client-id=rempart",
        f"--client-secret-value={SECRET}", "--web-sso-response-type=code",
        "--web-sso-assertion-claims-behavior=merge-user-info-over-id-token-claims",
        "--attribute-mapping=google.subject=assertion.sub,google.groups=assertion.groups",
    )  # fmt: skip
    shown = json.loads(stand.admin(*pools, "providers", "describe", PROVIDER, "--format=json",
                                   f"--workforce-pool={POOL}", "--location=global"))  # fmt: skip
    assert shown["oidc"]["clientSecret"]["value"].keys() == {"thumbprint"}
    name = "of-engineers"
    uniform = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
    made = {"name": name, "location": stand.universe.location, **uniform}
    stand.rest("POST", f"/storage/v1/b?project={stand.universe.project}", made)
    stand.rest("POST", f"/upload/storage/v1/b/{name}/o?uploadType=media&name=hello.txt", {})
    group = f"principalSet://iam.googleapis.com/locations/global/workforcePools/{POOL}/group/"
    binding = {"role": "roles/storage.objectViewer", "members": [f"{group}engineers"]}
    stand.rest("PUT", f"/storage/v1/b/{name}/iam", {"bindings": [binding]})
    config = str(stand.home / "login.json")
    stand.admin(*pools, "create-login-config", NAME, f"--output-file={config}")
    return name


def test_gcloud_signs_a_person_in_by_the_browser(stand: Stand, page: Page, bucket: str) -> None:
    said = stand.log_in(page, "auth", "login", f"--login-config={stand.home / 'login.json'}")
    member = f"principal://iam.googleapis.com/locations/global/workforcePools/{POOL}/subject/alice"
    assert member in said
    assert "hello.txt" in stand.person("storage", "ls", f"gs://{bucket}")
    assert "403" in stand.person("storage", "rm", f"gs://{bucket}/hello.txt", code=1)


def test_pythons_libraries_use_what_gcloud_left_for_them(
    stand: Stand, page: Page, bucket: str
) -> None:
    config = f"--login-config={stand.home / 'login.json'}"
    stand.log_in(page, "auth", "application-default", "login", config, "--disable-quota-project")
    done = subprocess.run(
        [*stand.universe.inside, sys.executable, "-c", LIST, bucket],
        capture_output=True,
        env=stand.env,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().split() == [
        "google.auth.external_account_authorized_user",
        "hello.txt",
    ]


def test_gcloud_signs_in_without_a_browser_by_a_token_of_the_provider(
    stand: Stand, bucket: str
) -> None:
    token = stand.idp.folder / "token.jwt"
    command = [*stand.universe.inside, sys.executable, "-c", TOKEN, stand.idp.issuer]
    uri = f"https://auth.cloud.{stand.universe.domain}/signin-callback/{NAME}"
    authority = stand.idp.folder / "authority.pem"
    authority.write_text(stand.idp.authority.pem)
    env = stand.env | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [*command, uri, str(authority)], capture_output=True, env=env, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    token.write_bytes(done.stdout)
    config = str(stand.home / "headless.json")
    stand.admin(
        "iam", "workforce-pools", "create-cred-config", NAME, f"--output-file={config}",
        f"--credential-source-file={token}",
        f"--workforce-pool-user-project={stand.universe.project}",
        "--subject-token-type=urn:ietf:params:oauth:token-type:id_token",
    )  # fmt: skip
    stand.person("auth", "login", f"--cred-file={config}")
    assert "hello.txt" in stand.person("storage", "ls", f"gs://{bucket}")


def test_gcloud_signs_in_by_saml_with_a_browser_and_without(
    stand: Stand, page: Page, saml: SAMLProvider, bucket: str
) -> None:
    asked, trusts = stand.universe, stand.home / "authority.pem"
    trusts.write_text(asked.outside.pem)

    def from_idp(path: str) -> str:
        return asked.run(
            program("curl"), "-sS", "--cacert", str(trusts), saml.address + path
        ).stdout

    metadata, config = stand.home / "idp.xml", stand.home / "saml.json"
    metadata.write_text(from_idp("/metadata"))
    stand.admin(
        "iam", "workforce-pools", "providers", "create-saml", "saml", "--location=global",
        f"--workforce-pool={POOL}", f"--idp-metadata-path={metadata}",
        "--attribute-mapping=google.subject=assertion.subject,"
        "google.groups=assertion.attributes['groups']",
    )  # fmt: skip
    by_saml = NAME.replace("providers/corp", "providers/saml")
    login = (stand.home / "login.json").read_text()
    config.write_text(login.replace(NAME, by_saml))
    member = f"principal://iam.googleapis.com/locations/global/workforcePools/{POOL}/subject/alice"
    assert member in stand.log_in(page, "auth", "login", f"--login-config={config}")

    token = stand.home / "response"
    here = f"https://auth.cloud.{asked.domain}/signin-callback/{by_saml}"
    query = f"user=alice&audience=https://iam.googleapis.com/{by_saml}&recipient={here}"
    token.write_text(from_idp(f"/unasked?{query}"))
    headless = json.dumps(
        {
            "type": "external_account",
            "universe_domain": asked.domain,
            "audience": f"//iam.googleapis.com/{by_saml}",
            "subject_token_type": "urn:ietf:params:oauth:token-type:saml2",
            "token_url": f"https://sts.{asked.domain}/v1/token",
            "token_info_url": f"https://sts.{asked.domain}/v1/introspect",
            "workforce_pool_user_project": asked.project,
            "credential_source": {"file": str(token)},
        }
    )
    config.write_text(headless)
    stand.person("auth", "login", f"--cred-file={config}")
    assert "hello.txt" in stand.person("storage", "ls", f"gs://{bucket}")
