"""An outage of the only provider while a hundred callers wait, over real sockets. `make outage` is the same for a minute and with 500."""

import asyncio
from pathlib import Path

from tests.support.outage import closest_s, outage, policy
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

LATENCY_S = 0.2
OPEN_FOR_S = 1.0


def test_one_probe_at_a_time_few_retries_and_soon_all_is_well(tmp_path: Path) -> None:
    breaker = "{window: 5s, open_for: 1s}"
    with (
        ScriptedProvider({"otherwise": {"latency": f"{LATENCY_S}s"}}) as provider,
        Serving(tmp_path, policy(provider.base_url("openai"), breaker)) as server,
    ):
        seen = asyncio.run(outage(server, provider, 100, 2.5, 6.0, 8.0))
        shown = server.admin("/providers").json["items"][0]
    probes = seen.probes(OPEN_FOR_S)
    assert 1 <= len(probes) <= 6
    assert closest_s(probes) >= LATENCY_S, "each is answered before the next one is sent"
    assert seen.retries <= 0.1 * len(seen.sent)
    assert {call.status for call in seen.failed} == {503}
    assert all(call.retry_after_s for call in seen.failed)
    assert len(seen.sent) < sum(call.skipped for call in seen.failed), "most were refused without a send"
    assert len(seen.good_again_s) == 100
    assert (shown["breaker"], shown["state"]) == ("closed", "ready")
