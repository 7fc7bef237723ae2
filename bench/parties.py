"""A universe and a key holder that know each other, and what a customer sets up between them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Any

import httpx

from bench.key_holder import POLICY, KeyHolder
from bench.universe import Broken, Universe

SPACE = "v0/cryptospaces/bench"
USER = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
KMS = "/cloudkms/v1"
EXTERNAL = {"protectionLevel": "EXTERNAL", "algorithm": "EXTERNAL_SYMMETRIC_ENCRYPTION"}


def caller(universe: Universe) -> httpx.Client:
    """Return plain HTTP on the plaintext port, as the administrator."""
    headers = {"authorization": f"Bearer {universe.token()}"}
    return httpx.Client(base_url=universe.plain_url, headers=headers, trust_env=False, timeout=30)


@dataclass(frozen=True, slots=True)
class Parties:
    """Both programs, running."""

    universe: Universe
    holder: KeyHolder

    @property
    def project(self) -> str:
        return self.universe.environment["GOOGLE_CLOUD_PROJECT"]

    @property
    def location(self) -> str:
        return self.universe.environment["REMPART_LOCATION"]

    def introduce(self) -> None:
        """Let each party learn of the other what it needs, and no more."""
        issuer = f"https://accounts.{self.universe.environment['GOOGLE_CLOUD_UNIVERSE_DOMAIN']}"
        keys = self.holder.home / "universe.jwks"
        keys.write_text(self.universe.run("issuer-keys"))
        prefix = self.project.partition(":")[0]
        domain = f"gcp-sa-ekms.{prefix}-system.iam.gserviceaccount.com"
        self.holder.decide("trust", issuer, "--mail-domain", domain, "--keys-file", str(keys))
        number = self._agent().removeprefix("service-").partition("@")[0]
        policy = self.holder.home / "policy.toml"
        policy.write_text(POLICY.format(issuer=issuer, project=number))
        self.holder.decide("policy", str(policy))
        self.universe.stop()
        shutil.copy(self.holder.certificate, self.universe.data / "holder.pem")
        settings = self.universe.data / "rempart.toml"
        text = settings.read_text().replace(
            '# key_manager_authorities = "key-managers.pem"',
            'key_manager_authorities = "holder.pem"',
        )
        place, entry = (
            "[key_managers]\n",
            f'"{self.holder.host}" = "127.0.0.1:{self.holder.port}"\n',
        )
        settings.write_text(text.replace(place, place + entry))
        self.universe.start()

    def external_key(self, name: str) -> str:
        """Make a key at the holder's, and return the Cloud KMS key that stands for it."""
        path = f"{SPACE}/keys/{name}"
        self.holder.decide("create-key", path)
        key = self._key(name, EXTERNAL, skipInitialVersionCreation="true")
        options = {"externalKeyUri": f"https://{self.holder.host}/{path}"}
        self.post(f"{KMS}/{key}/cryptoKeyVersions", {"externalProtectionLevelOptions": options})
        self.post(f"{KMS}/{key}:updatePrimaryVersion", {"cryptoKeyVersionId": "1"})
        return key

    def own_key(self, name: str, level: str) -> str:
        """Return a Cloud KMS key in software or in the token."""
        return self._key(name, {"protectionLevel": level})

    def _key(self, name: str, template: dict[str, str], **query: str) -> str:
        place = f"projects/{self.project}/locations/{self.location}"
        self.post(f"{KMS}/{place}/keyRings", {}, keyRingId=name)
        document = {"purpose": "ENCRYPT_DECRYPT", "versionTemplate": template}
        ring = f"{KMS}/{place}/keyRings/{name}"
        made = self.post(f"{ring}/cryptoKeys", document, cryptoKeyId="key", **query)
        bindings = [{"role": USER, "members": [f"serviceAccount:{self._agent()}"]}]
        self.post(f"{KMS}/{made['name']}:setIamPolicy", {"policy": {"bindings": bindings}})
        return str(made["name"])

    def bucket(self, name: str, key: str) -> None:
        """Make a bucket under a key."""
        document = {
            "name": name,
            "location": self.location,
            "encryption": {"defaultKmsKeyName": key},
            "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}},
        }
        self.post("/storage/v1/b", document, project=self.project)

    def post(self, path: str, document: dict[str, Any], **query: str) -> dict[str, Any]:
        with caller(self.universe) as asking:
            answer = asking.post(path, json=document, params=query)
        if answer.is_error:
            raise Broken(f"{path}: {answer.text}")
        content: dict[str, Any] = answer.json()
        return content

    def _agent(self) -> str:
        with caller(self.universe) as asking:
            answer = asking.get(f"/storage/v1/projects/{self.project}/serviceAccount")
        return str(answer.json()["email_address"])
