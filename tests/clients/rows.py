"""The table of clients: everything that is promised of an unchanged agent, row by row."""

from types import MappingProxyType
from typing import Final

from tests.clients.table import ANSWER, APIS, Api, Ask, Call, Cell, Chapter, Fails, Row, Says, cells_of, elsewhere

LISBON: Final = Call("weather", {"city": "Lisbon"})
PORTO: Final = Call("weather", {"city": "Porto"})
LOOK: Final = "Let me look."
MEASURED: Final = "It is 18 degrees."
THOUGHT: Final = "Hmm, 1883? ü"
YEAR: Final = '{"year": 1883}'
CUT: Final = "The bridge"

# What no Ollama can be made to do.
NO_CHOICE: Final = MappingProxyType[Api, str]({"ollama": "Ollama's API cannot be made to call a tool, nor to call one at a time"})
NO_CHOICE_SAID: Final = MappingProxyType[Api, str]({"ollama": "Ollama's client has no such option"})
# OpenAI's API has no `top_k`, Anthropic's no seed.
SAMPLING: Final = MappingProxyType[tuple[Api, Api], tuple[str, ...]](
    {
        ("openai", "anthropic"): ("seed",),
        ("anthropic", "openai"): ("top_k",),
        ("ollama", "openai"): ("options.top_k",),
        ("ollama", "anthropic"): ("options.seed",),
    }
)

ANSWERS: Final = Chapter(
    "Answers",
    (
        Row("plain", "a question, with usage and the reason why it ended"),
        Row("system", "a system prompt", Ask(system="Be brief.")),
        Row("conversation", "earlier turns of both sides", Ask(earlier=True)),
        Row("limit", "an answer that the limit of output cuts", Ask(limit=3), Says(CUT, ended="length")),
        Row("stop", "a stop sequence", Ask(stop=" in"), Says(ANSWER.partition(" in")[0], ended="sequence"),
            note="only Anthropic's API tells it from an end; its client hears `stop_sequence` of Anthropic alone, else `end_turn`"),
        Row("thinking", "an answer with thoughts before it", Ask("Think: why then?", think=True, limit=2_000), Says(thought=THOUGHT),
            note="only a provider of the client's own API is asked to think; that thoughts come back is tested with Anthropic's",
            loses=elsewhere(openai="reasoning_effort", anthropic="thinking", ollama="think")),
        Row("sampling", "temperature, and what else the client has of seed and `top_k`", Ask(sample=True), loses=SAMPLING),
        Row("filtered", "an answer that the provider's filter ends", Ask("Tell a secret."), Says("I cannot.", ended="filtered"),
            note="Anthropic calls it `refusal`; an Ollama tells no such end"),
        Row("empty", "an answer of nothing", Ask("Say nothing."), Says("")),
        Row("logprobs", "log probabilities", Ask(logprobs=True),
            refused=MappingProxyType({"anthropic": "Anthropic's API gives no log probabilities"}),
            unsayable=MappingProxyType({"anthropic": "Anthropic's client has no such option"})),
    ),
)  # fmt: skip
TOOLS: Final = Chapter(
    "Tools",
    (
        Row("tool", "a tool is called", Ask("The weather in Lisbon?", tools=True), Says("", (LISBON,), "tools")),
        Row("bare", "a call without arguments", Ask("What time is it?", tools=True), Says("", (Call("weather", {}),), "tools")),
        Row("tools", "two calls at once, after some text", Ask("The weather in both?", tools=True),
            Says(LOOK, (LISBON, PORTO), "tools")),
        Row("results", "results go back, and the answer to them", Ask("The weather in both?", tools=True, results=True),
            Says(MEASURED)),
        Row("none", "tools are told, and none may be called", Ask(tools=True, choice="none"), unsayable=NO_CHOICE_SAID,
            note="an Ollama is not told of them, which means the same"),
        Row("required", "some tool must be called", Ask("The weather in Lisbon?", tools=True, choice="required"),
            Says("", (LISBON,), "tools"), refused=NO_CHOICE, unsayable=NO_CHOICE_SAID),
        Row("named", "this tool must be called", Ask("The weather in Lisbon?", tools=True, choice="weather"),
            Says("", (LISBON,), "tools"), refused=NO_CHOICE, unsayable=NO_CHOICE_SAID),
        Row("one-call", "at most one call at a time", Ask("The weather in Lisbon?", tools=True, one_call=True),
            Says("", (LISBON,), "tools"), refused=NO_CHOICE, unsayable=NO_CHOICE_SAID),
    ),
)  # fmt: skip
FORMS: Final = Chapter(
    "JSON and images",
    (
        Row("schema", "an answer after a JSON schema", Ask("Which year?", form="schema"), Says(YEAR),
            note="a schema has a name only in OpenAI's API; elsewhere that name is dropped and named. "
            "Ollama's client gets it of OpenAI without `strict`, which takes not every schema",
            loses=elsewhere(openai="response_format.json_schema.name")),
        Row("json", "JSON without a schema", Ask("Which year?", form="json"), Says(YEAR),
            refused=MappingProxyType({"anthropic": "Anthropic's API has no JSON mode without a schema"}),
            unsayable=MappingProxyType({"anthropic": "Anthropic's client has no JSON mode without a schema"})),
        Row("image", "an image in the request", Ask("Look at the bridge.", image="data")),
        Row("image-address", "an image by its address", Ask("Look at the bridge.", image="address"),
            refused=MappingProxyType({"ollama": "Ollama's API takes no addresses of images; OrchVynt fetches nothing"}),
            unsayable=MappingProxyType({"ollama": "Ollama's client takes no addresses of images"})),
    ),
)  # fmt: skip
FALLBACK: Final = Chapter(
    "When a provider fails",
    (
        Row("covered", "it fails before the answer: the next tier answers in the same call", Ask(model="covered"),
            asks=("covered", "cover"), note="the next tier speaks another API"),
        Row("rescued", "its stream breaks, and the chain has `mid_stream: continue`: one whole answer", Ask(model="rescued"),
            hows=("stream",), asks=("rescued", "cover"), note="the next tier speaks another API"),
        Row("cut", "its stream breaks, and nothing goes on with it", Ask(model="cut"), Fails(0, "", "broke off"), ("stream",), ("cut",),
            note="what came before stays with the agent; nothing says that it is whole"),
        Row("cut-call", "its stream breaks within a tool call, and nothing goes on with it",
            Ask("The weather in Lisbon?", model="cut-call", tools=True), Fails(0, "", "broke off", LOOK), ("stream",), ("cut-call",),
            note="a half call never looks whole; Ollama's API tells calls whole, so one that came is"),
        Row("told", "it tells an error in its stream, and nothing goes on with it", Ask(model="told"), Fails(0, "", "out of memory"),
            ("stream",), ("told",)),
        Row("refuses", "it refuses the request", Ask(model="refuses"), Fails(400, "invalid_request", "too warm"), asks=("refuses",),
            note="with the provider's own words"),
        Row("limited", "it is over its rate limit, and there is no other tier", Ask(model="limited"),
            Fails(503, "all_providers_failed", "429"), asks=("limited",)),
        Row("down", "it fails, and there is no other tier", Ask(model="down"), Fails(503, "all_providers_failed", "500"), asks=("down",)),
    ),
)  # fmt: skip
REFUSALS: Final = Chapter(
    "When OrchVynt refuses",
    (
        Row("key", "no such key", Ask(key="nobody"), Fails(401, "unauthorized"), asks=()),
        Row("budget", "a budget is spent", Ask(key="poor"), Fails(402, "budget_exceeded", "poor"), asks=()),
        Row("barred", "the key may not use the model", Ask(key="narrow"), Fails(403, "forbidden"), asks=()),
        Row("unknown", "no such model", Ask(model="sounds"), Fails(404, "model_not_found", "sound-"), asks=(),
            note="with the nearest names"),
        Row("pending", "a person has to look first, and the wait is over", Ask(key="watched"), Fails(409, "hitl_pending"), ("whole",),
            note="the same request again gets the answer once it is approved"),
    ),
)  # fmt: skip
CHAPTERS: Final = (ANSWERS, TOOLS, FORMS, FALLBACK, REFUSALS)
ROWS: Final = tuple(row for chapter in CHAPTERS for row in chapter.rows)


def cells(client: Api) -> list[Cell]:
    """All cells of a client, those that cannot be too."""
    assert client in APIS
    return [cell for row in ROWS for cell in cells_of(row, client)]
