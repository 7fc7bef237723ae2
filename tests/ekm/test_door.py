"""The doors: TLS, limits of time and size and number, client certificates, the status page."""

from __future__ import annotations

import datetime as dt
import re
import socket
import ssl
import time
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rempart.ekm.door.status_page import Section, page
from rempart.standalone.http import CONNECTIONS_MAX, HEAD_BYTES_MAX, REQUEST_SECONDS_MAX
from support.key_holder import KEY, KeyHolder, running, use


def _connect(holder: KeyHolder) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", holder.port), timeout=REQUEST_SECONDS_MAX + 10)
    return holder.pinned().wrap_socket(plain, server_hostname="localhost")


def _rest(peer: ssl.SSLSocket) -> bytes:
    content = b""
    try:
        while piece := peer.recv(65536):
            content += piece
    except (ConnectionResetError, ssl.SSLError):
        pass
    return content


def test_old_tls_is_refused(holder: KeyHolder) -> None:
    context = holder.pinned()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", holder.port)) as plain,
        pytest.raises(ssl.SSLError, match=r"EOF|(?i:protocol.version)"),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


def test_the_certificate_is_for_its_host_only(holder: KeyHolder) -> None:
    with (
        socket.create_connection(("127.0.0.1", holder.port)) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        holder.pinned().wrap_socket(plain, server_hostname="other.test")


def test_plain_http_gets_no_answer(holder: KeyHolder) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{holder.port}/healthz", trust_env=False)


def test_a_head_that_is_too_long_ends_the_connection(holder: KeyHolder) -> None:
    with _connect(holder) as peer:
        peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ")
        for _ in range(40):
            try:
                peer.sendall(b"x" * (HEAD_BYTES_MAX // 20))
                time.sleep(0.01)
            except OSError:
                break
        assert _rest(peer) == b""


def test_slow_heads_and_slow_bodies_are_cut_off(holder: KeyHolder) -> None:
    token = holder.issuer.token(holder.audience)
    head = (
        f"POST /{KEY}:wrap HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        "Content-Length: 10\r\n\r\n{"
    )
    with _connect(holder) as idle, _connect(holder) as slow_head, _connect(holder) as slow_body:
        slow_head.sendall(b"POST / HTTP/1.1\r\nHost:")
        slow_body.sendall(head.encode())
        begun = time.monotonic()
        assert _rest(idle) == b""
        assert _rest(slow_head) == b""
        assert _rest(slow_body).startswith(b"HTTP/1.1 504 ")
        assert REQUEST_SECONDS_MAX - 2 < time.monotonic() - begun < REQUEST_SECONDS_MAX + 8
    assert "did not arrive in time" in holder.entries()[-1]["cause"]


def test_one_connection_too_many_is_closed_and_the_others_serve(holder: KeyHolder) -> None:
    peers = [
        socket.create_connection(("127.0.0.1", holder.port), timeout=20)
        for _ in range(CONNECTIONS_MAX + 50)
    ]
    try:
        handshaken = [holder.pinned().wrap_socket(peers.pop(), server_hostname="localhost")]
        time.sleep(0.5)
        handshaken[0].close()
    finally:
        for peer in peers:
            peer.close()
    time.sleep(0.5)
    assert holder.ask("wrap", use(plaintext="")).status_code == 200


def test_many_requests_of_one_connection_are_answered_in_order(holder: KeyHolder) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with _connect(holder) as peer:
        peer.sendall(request * 20 + last)
        assert _rest(peer).count(b"HTTP/1.1 200 ") == 21


def test_the_status_page_shows_and_runs_nothing(holder: KeyHolder) -> None:
    url = f"http://127.0.0.1:{holder.status_port}/"
    answer = httpx.get(url, trust_env=False)
    assert answer.status_code == 200
    assert KEY in answer.text
    assert "<script" not in answer.text
    assert not re.search(r"(src|href)=", answer.text)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    rebound = httpx.get(url, headers={"host": "evil.test"}, trust_env=False)
    assert rebound.status_code == 403
    assert httpx.post(url, trust_env=False).status_code == 501
    assert httpx.get(url + "keys", trust_env=False).status_code == 501


def test_the_status_page_escapes_what_it_shows() -> None:
    shown = page("<title>", [Section("<b>", ["<i>"], [["<script>alert('&')</script>"]])])
    assert "<script>" not in shown
    assert "&lt;script&gt;alert(&#x27;&amp;&#x27;)" in shown


class Authority:
    """A client authority of a cloud."""

    def __init__(self, directory: Path, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = directory / f"{name}.pem"
        self.file.write_bytes(_pem(self._certificate(self.name, self.key, ca=True)))
        own = ec.generate_private_key(ec.SECP256R1())
        client = self._certificate(x509.Name([]), own, ca=False)
        self.client_file = directory / f"{name}-client.pem"
        self.client_file.write_bytes(
            _pem(client)
            + own.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _health(holder: KeyHolder, certificate: Path | None) -> int:
    context = holder.pinned()
    if certificate is not None:
        context.load_cert_chain(certificate)
    with httpx.Client(base_url=holder.audience, verify=context, trust_env=False) as client:
        return client.get("/healthz").status_code


def test_with_a_client_authority_only_its_certificates_get_in(tmp_path: Path) -> None:
    trusted, other = Authority(tmp_path, "trusted"), Authority(tmp_path, "other")
    with running(tmp_path / "data") as holder:
        holder.stop()
        settings = holder.data / "ekm.toml"
        settings.write_text(
            settings.read_text().replace(
                'client_authority = ""', f'client_authority = "{trusted.file}"'
            )
        )
        holder.start()
        assert _health(holder, trusted.client_file) == 200
        for stranger in (None, other.client_file):
            with pytest.raises(httpx.HTTPError):
                _health(holder, stranger)
