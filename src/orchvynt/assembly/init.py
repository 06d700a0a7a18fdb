"""`orchvynt init`: writes a first policy from the keys in the environment, and prints a line that works."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

WITH_OPENAI: Final = """\
  openai: {kind: openai, api_key: "${env:OPENAI_API_KEY}"}
"""
WITH_ANTHROPIC: Final = """\
  anthropic: {kind: anthropic, api_key: "${env:ANTHROPIC_API_KEY}"}
"""
SCRIPTED: Final = """\
  scripted: {kind: openai-compatible, base_url: "http://127.0.0.1:4823/v1"}
"""
POLICY: Final = """\
version: 1
providers:
{providers}models:
{models}routing:
  default: {default}
fallback:
  chains:
    default:
      tiers: [{tiers}]
      triggers: [rate_limit, quota, overloaded, server_error, auth, timeout, connection, malformed, stall, cut, context_length]
budgets:
  - {{name: everything, scope: global, limit: {{{limit}}}, window: day, on_breach: reject}}
"""
MODELS: Final = {
    "openai": ("gpt-4o-mini", "{provider: openai}"),
    "anthropic": ("claude", "{provider: anthropic, model: claude-sonnet-4-5}"),
    "scripted": ("demo-model", "{provider: scripted, model: demo-model, price: free}"),
}


def run(path: str, force: bool, environment: Mapping[str, str]) -> int:
    """Writes the file and says what to type next. 1 if a file stands there already, or cannot be written."""
    file = Path(path)
    if file.exists() and not force:
        sys.stderr.write(f"{path} is there already; it stays as it is. Give --force to overwrite it, or another path.\n")
        return 1
    found = [name for name in ("openai", "anthropic") if environment.get(f"{name.upper()}_API_KEY")]
    try:
        file.write_text(first_policy(found))
    except OSError as error:
        sys.stderr.write(f"{path}: {error.strerror}\n")
        return 1
    sys.stdout.write(_next_steps(path, found))
    return 0


def first_policy(found: list[str]) -> str:
    """Fifteen lines for the providers whose keys were found; for none of them, a scripted provider on this machine."""
    names = found or ["scripted"]
    providers = {"openai": WITH_OPENAI, "anthropic": WITH_ANTHROPIC, "scripted": SCRIPTED}
    models = [MODELS[name] for name in names]
    return POLICY.format(
        providers="".join(providers[name] for name in names),
        models="".join(f"  {name}: {said}\n" for name, said in models),
        default=models[0][0],
        tiers=", ".join(name for name, _ in models),
        limit="usd: 5" if found else "tokens: 100000",
    )


def _next_steps(path: str, found: list[str]) -> str:
    using = f"Found keys for {' and '.join(found)}." if found else "Found no provider key, so it uses a scripted provider on this machine."
    first = "" if found else "  orchvynt scripted-provider &\n"
    curl = (
        "  curl -s http://127.0.0.1:4821/v1/chat/completions -H 'content-type: application/json' \\\n"
        """    -d '{"model": "auto", "messages": [{"role": "user", "content": "Say hello"}]}'\n"""
    )
    return f"Wrote {path}. {using}\n\nNow type:\n\n{first}  orchvynt serve &\n{curl}  orchvynt explain last\n"
