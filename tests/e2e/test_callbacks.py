"""The webhook of a key: told of each decision on its invocations, signed, at the policy's address only, over failures and a kill."""

from pathlib import Path

from tests.e2e.conftest import Serve
from tests.e2e.test_review import decide
from tests.support.policies import gate, three_tiers
from tests.support.serving import Reply, Serving
from tests.support.webhooks import Receiver

from orchvynt.testing.scripted import ScriptedProvider


def keys(port: int, answer: str = "") -> str:
    hook = f'{{url: "http://127.0.0.1:{port}/decided", secret: "${{env:HOOK_SECRET}}"{answer}}}'
    return f"{gate('0s')}\nkeys:\n  - {{name: desk, webhook: {hook}}}\n  - {{name: other}}\n"


def parked(server: Serving, name: str, text: str) -> tuple[Reply, str]:
    secret = server.admin("/keys", {"name": name}).json["secret"]
    own = "http://127.0.0.1:9/mine"
    headers = {"authorization": f"Bearer {secret}", "x-orchvynt-flags": "review", "x-orchvynt-context": f'{{"webhook": "{own}"}}'}
    reply = server.chat(text, headers, metadata={"webhook": own})
    assert reply.status == 409, reply.body
    return reply, secret


def test_a_decision_is_told_signed_again_after_failures_and_over_a_kill(
    serve: Serve, scripted_provider: ScriptedProvider, tmp_path: Path
) -> None:
    with Receiver(answers=(500,)) as hook:
        server = serve(three_tiers(scripted_provider, keys(hook.port)))
        first, _ = parked(server, "desk", "first")
        silent, _ = parked(server, "other", "second")
        for reply, decision in ((silent, "approve"), (first, "approve")):
            assert decide(server, reply.json["error"]["review_id"], decision).status == 200
        server.kill()
        server.start()
        told = hook.wait_for(1)
        said = first.json["error"]
        assert told["type"] == "review.decided"
        assert told["data"] == {
            "review": said["review_id"],
            "invocation": said["invocation_id"],
            "gate": "reviewed",
            "status": "approved",
            "poll": said["poll"],
        }
        assert set(hook.paths) == {"/decided"}
        assert all(one["data"]["review"] == said["review_id"] for one in hook.taken)


def test_the_answer_is_in_it_only_where_the_policy_says_so(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "pay it"}]})
    with Receiver() as hook:
        server = serve(three_tiers(scripted_provider, keys(hook.port, ", answer: true")))
        approved, secret = parked(server, "desk", "first")
        assert decide(server, approved.json["error"]["review_id"]).status == 200
        data = hook.wait_for(1)["data"]
        assert data["answer"] == server.ask(data["poll"], headers={"authorization": f"Bearer {secret}"}).json
        assert data["answer"]["choices"][0]["message"]["content"] == "pay it"
        rejected, _ = parked(server, "desk", "second")
        assert decide(server, rejected.json["error"]["review_id"], "reject").status == 200
        assert (hook.wait_for(2)["data"]["status"], "answer" in hook.wait_for(2)["data"]) == ("rejected", False)
