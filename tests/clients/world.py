"""The server and the scripted provider that the tests of one client share. Every way to fail has a provider and a model of its own for
each API, so that no cell stands in the way of another."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tests.clients.rows import LISBON, LOOK, MEASURED, PORTO, THOUGHT, YEAR
from tests.clients.table import ANSWER, APIS, Api
from tests.support.policies import TRIGGERS
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

PNG: Final = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
ADDRESS: Final = "https://pictures.example/bridge.png"
WEATHER: Final[dict[str, Any]] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
SCHEMA: Final[dict[str, Any]] = {
    "type": "object", "properties": {"year": {"type": "integer"}}, "required": ["year"], "additionalProperties": False,
}  # fmt: skip
DESCRIPTION: Final = "The weather of a city"
EARLIER: Final = (("user", "Is there a bridge?"), ("assistant", "There is one."))
SAMPLES: Final[dict[Api, dict[str, float]]] = {
    "openai": {"temperature": 0.5, "seed": 7},
    "anthropic": {"temperature": 0.5, "top_k": 5},
    "ollama": {"temperature": 0.5, "seed": 7, "top_k": 5},
}
TOLD: Final = "out of memory"
FAULTS: Final[MappingProxyType[str, Any]] = MappingProxyType(
    {
        "covered": {"status": 500},
        "rescued": {"cut_after": 3},
        "cut": {"cut_after": 3},
        # After four frames of text and one of the call.
        "cut-call": {"cut_after": 5},
        "told": {"error_event_after": 3, "message": TOLD},
        "refuses": {"status": 400, "message": "too warm"},
        "limited": {"status": 429, "retry_after": 0},
        "down": {"status": 500},
    }
)
MODELS: Final[dict[Api, str]] = {"openai": "gpt-4o", "anthropic": "claude-sonnet-4-5", "ollama": "mistral:7b"}
# Who goes on for whom: never the same API, and one that extends a turn.
COVERS: Final[dict[Api, Api]] = {"openai": "anthropic", "anthropic": "ollama", "ollama": "anthropic"}
ALONE: Final = ("sound", "cut", "cut-call", "told", "refuses", "limited", "down")


def _keys() -> list[dict[str, Any]]:
    """Which tier may follow is what a key allows: there is one chain for all."""
    alone = [f"{name}-{api}" for name in ALONE for api in APIS]
    with_cover = [
        {"name": f"covered-{api}", "allow_models": [f"covered-{api}", f"rescued-{api}", f"cover-{cover}"]} for api, cover in COVERS.items()
    ]
    return [
        {"name": "free"},
        {"name": "agent", "allow_models": alone},
        *with_cover,
        {"name": "poor", "fixed": {"workflow": "poor"}},
        {"name": "narrow", "allow_models": ["cover-ollama"]},
        {"name": "watched", "fixed": {"flags": ["look-later"]}},
    ]


def _asked(about: str, **answer: Any) -> dict[str, Any]:
    return {"match": {"last_user": {"contains": about}}, **answer}


def _calls(*calls: Any) -> list[dict[str, Any]]:
    return [call._asdict() for call in calls]


# What a stream breaks off after has arrived: its frames come apart.
SLOW: Final = {"text": ANSWER, "frames": 6, "frame_interval": "8ms"}
HALF_CALL: Final = {"text": LOOK, "tool_calls": _calls(LISBON), "frames": 4, "frame_interval": "8ms"}
SCRIPT: Final[dict[str, Any]] = {
    "answers": [
        *({"match": {"provider": f"{name}-{api}"}, **SLOW} for name in ("rescued", "cut", "told") for api in APIS),
        *({"match": {"provider": f"cut-call-{api}"}, **HALF_CALL} for api in APIS),
        {"match": {"tool_result": {"contains": "18 degrees"}}, "text": MEASURED},
        _asked("weather in Lisbon", tool_calls=_calls(LISBON)),
        _asked("secret", text="I cannot.", finish="content_filter"),
        _asked("nothing", text=""),
        _asked("What time", tool_calls=[{"name": "weather", "arguments": {}}]),
        _asked("weather in both", text=LOOK, tool_calls=_calls(LISBON, PORTO)),
        _asked("Which year", text=YEAR),
        _asked("Think", thinking=THOUGHT, text=ANSWER),
    ],
    "otherwise": {"text": ANSWER},
    "faults": {f"{name}-{api}": fault for name, fault in FAULTS.items() for api in APIS},
}


def policy(provider: ScriptedProvider) -> dict[str, Any]:
    providers: dict[str, Any] = {}
    models: dict[str, Any] = {}
    for name in ("sound", "cover", *FAULTS):
        for api in APIS:
            own = f"{name}-{api}"
            providers[own] = {"kind": api, "base_url": provider.base_url(own, api), "api_key": "${env:TEST_API_KEY}"}
            models[own] = {"provider": own, "model": MODELS[api], "price": {"input": 1, "output": 2}}
    chain = {"tiers": ["cover-anthropic", "cover-ollama"], "triggers": TRIGGERS.split(", "), "mid_stream": "continue"}
    gate = {"stage": "output", "reviewers": "people", "require_reason": True}
    return {
        "version": 1,
        "providers": providers,
        "models": models,
        "routing": {"default": "sound-openai"},
        "fallback": {"retry": {"max_retries": 0, "backoff": {"base": "1ms", "max": "2ms"}}, "chains": {"default": chain}},
        "keys": _keys(),
        "budgets": [{"name": "poor", "scope": "workflow", "when": 'workflow == "poor"', "limit": {"tokens": 20}, "on_breach": "reject"}],
        "gates": [
            {"name": "soon", "when": '"look" in flags', "wait": {"up_to": "20s"}, **gate},
            {"name": "later", "when": '"look-later" in flags', "wait": {"up_to": "0s"}, **gate},
        ],
        "groups": {"people": {"members": ["ana@example.com"]}},
    }


class World:
    """`secrets` are those of the policy's keys, by their names, and one of nobody."""

    def __init__(self, provider: ScriptedProvider, server: Serving, secrets: Mapping[str, str]) -> None:
        self.provider = provider
        self.server = server
        self.secrets = secrets
        self._seen = 0

    def arrivals(self) -> list[dict[str, Any]]:
        """The requests that came since it was last asked, as they came."""
        found = self.provider.arrivals(self._seen)
        self._seen = max((kept["n"] for kept in found), default=self._seen)
        return found


@contextmanager
def opened(folder: Path) -> Iterator[World]:
    with ScriptedProvider(SCRIPT) as provider, Serving(folder, json.dumps(policy(provider), indent=1)) as server:
        secrets = {key["name"]: server.admin("/keys", {"name": key["name"]}).json["secret"] for key in _keys()}
        yield World(provider, server, MappingProxyType({**secrets, "nobody": "ov_nobody"}))
