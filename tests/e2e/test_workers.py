"""`serve --workers N`: one server of several processes. Nobody sees that one is killed but who was being answered by it, and nobody sees
that all are replaced; the books are right, whoever keeps them."""

import asyncio
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.auditing import Auditor
from tests.support.policies import three_tiers
from tests.support.workers import Working, calling, endless, is_there, until

from orchvynt.testing.scripted import ScriptedProvider

SCRIPT = {"answers": [{"text": "A ledger is a book that never forgets.", "latency": "10ms", "frames": 4, "frame_interval": "5ms"}]}


@pytest.mark.timeout(300)
def test_workers_are_killed_and_replaced_while_callers_call(
    store: tuple[str, ...], tmp_path: Path, scripted_provider: ScriptedProvider
) -> None:
    scripted_provider.script(SCRIPT)
    with Working(tmp_path, three_tiers(scripted_provider), arguments=("--workers", "2", *store)) as server:
        auditor = Auditor(server, scripted_provider)
        first = server.serving(2)
        leader = server.leader()
        assert leader in first

        async def kill_one_and_then_the_leader() -> None:
            for pid in (next(pid for pid in first if pid != leader), leader):
                await asyncio.sleep(0.3)
                os.kill(pid, signal.SIGKILL)
                await asyncio.to_thread(until, lambda pid=pid: pid not in server._serving() and len(server._serving()) == 2)

        told = asyncio.run(calling(lambda: [server.port], endless(1), kill_one_and_then_the_leader))
        assert sum(one.whole for one in told) > 10
        assert all(one.status in (0, 200) for one in told), "whoever was not cut off was answered"
        auditor.audit_records(told)
        second = server.serving(2)
        assert not set(first) & set(second)
        assert server.log.count("another one begins") == 2
        assert server.metric('orchvynt_processes{state="out_of_reach"}') == 0

        async def replace() -> None:
            server.replace()
            await asyncio.to_thread(until, lambda: not set(second) & set(server._serving()) and len(server._serving()) == 2)

        told = asyncio.run(calling(lambda: [server.port], endless(2), replace))
        assert all(one.whole for one in told), [one for one in told if not one.whole]
        auditor.audit_records(told)
        assert server.command("audit", "verify").returncode == 0
        third = server.serving(2)
        assert server.stop() == 0
        assert not any(map(is_there, third))


def test_one_view_of_what_several_count(tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    with Working(tmp_path, three_tiers(scripted_provider), arguments=("--workers", "3", "--invocations-max", "2")) as server:
        pids = server.serving(3)
        for _ in range(30):
            assert server.chat().status == 200
        assert server.metric("orchvynt_invocations_total") == 30
        assert server.metric("orchvynt_invocation_duration_seconds_count") == 30
        assert server.metric("orchvynt_policy_info") == 1
        assert server.metric("orchvynt_ready") == 1
        assert server.metric('orchvynt_processes{state="serving"}') == 3
        assert server.metric("orchvynt_workers_untold") == 0
        scripted_provider.script({"otherwise": {"latency": "1s"}})
        with ThreadPoolExecutor(24) as pool:
            refused = sum(reply.status == 503 for reply in pool.map(lambda _: server.chat(), range(24)))
        assert refused
        assert server.metric("orchvynt_shed_total") == server.admin("/status").json["shed_total"] == refused, "whoever refused them"
        used = [Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in pids]
        assert server.metric("process_resident_memory_bytes") > 2 * os.sysconf("SC_PAGE_SIZE") * min(map(int, used))
        os.kill(next(pid for pid in pids if pid != server.leader()), signal.SIGSTOP)
        assert server.metric("orchvynt_workers_untold") == 1, "said, not left out"
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        assert server.command("status").returncode == 0
        # Without their parent nobody would begin another one in their place.
        server.kill()
        until(lambda: not any(map(is_there, pids)))
