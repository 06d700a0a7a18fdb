"""The gates that questions meet, who decides at them, and what the provider answers. A question's flag names its gate."""

from types import MappingProxyType
from typing import Final, NamedTuple

from tests.support.policies import three_tiers

from orchvynt.testing.scripted import ScriptedProvider

ANSWER: Final = "A ledger is a book that never forgets."
CALL: Final = 'refund {"amount": 900}'
"""How an answer that calls a tool is told here."""
TOOL: Final = "refund"

ANA, BEN, CLEO, TOKEN = "ana@example.com", "ben@example.com", "cleo@example.com", "token:environment"
PEOPLE: Final = (ANA, BEN, CLEO)
DECIDERS: Final = (*PEOPLE, TOKEN)
PASSWORD: Final = "canary horse battery staple"

EXPIRES_S: Final = 3


class Terms(NamedTuple):
    """What holds at a gate. `words`: who rejects tells the caller why in a turn of the assistant. `expires`: a step of an escalation lets
    CLEO in, and another rejects."""

    quorum: int = 1
    words: bool = False
    stage: str = "output"
    expires: bool = False


GATES: Final = MappingProxyType(
    {
        "now": Terms(),
        "held": Terms(),
        "four-eyes": Terms(quorum=2),
        "words": Terms(words=True),
        "ages": Terms(expires=True),
        "tools": Terms(words=True, stage="tool_call"),
        "asked": Terms(stage="input"),
    }
)

SCRIPT: Final = {
    "answers": [
        {"match": {"last_user": {"contains": "tools"}}, "tool_calls": [{"name": TOOL, "arguments": {"amount": 900}}], "latency": "5ms"},
        # Long enough for a kill between an approval and the answer that it let be asked for.
        {"match": {"last_user": {"contains": "asked"}}, "text": ANSWER, "latency": "60ms"},
        {"text": ANSWER, "latency": "5ms", "frames": 3, "frame_interval": "3ms"},
    ]
}


def policy(provider: ScriptedProvider) -> str:
    output = "stage: output, reviewers: people"
    return three_tiers(
        provider,
        f"""
gates:
  - {{name: asked, stage: input, reviewers: people, when: '"asked" in flags', wait: {{up_to: 700ms}}}}
  - {{name: now, {output}, when: '"now" in flags', wait: {{up_to: 0s}}}}
  - {{name: held, {output}, when: '"held" in flags', wait: {{up_to: 700ms}}}}
  - {{name: four-eyes, {output}, when: '"four-eyes" in flags', quorum: 2, wait: {{up_to: 300ms}}}}
  - {{name: words, {output}, when: '"words" in flags', on_reject: message, wait: {{up_to: 700ms}}}}
  - name: ages
    {output.replace(", ", chr(10) + "    ")}
    when: '"ages" in flags'
    wait: {{up_to: 0s}}
    escalation: [{{after: 1s, to: heads}}, {{after: {EXPIRES_S}s, do: reject}}]
  - {{name: tools, stage: tool_call, reviewers: people, when: 'tool.name == "{TOOL}"', on_reject: message, wait: {{up_to: 0s}}}}
groups: {{people: {{members: [{ANA}, {BEN}]}}, heads: {{members: [{CLEO}]}}}}
""",
    )
