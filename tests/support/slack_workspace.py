"""Slack's side on loopback, written from its documentation: checks tokens and shapes, keeps messages, presses buttons."""

import http.client
import json
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode

from slack_sdk.signature import SignatureVerifier

TOKEN, SIGNING_SECRET = "xoxb-workspace-token", "signing-secret-of-the-app"
WAIT_S_MAX = 60.0
BUTTON_KEYS = {"type", "action_id", "text", "value", "style", "url"}


class Workspace:
    """`people` are e-mail addresses by Slack's id. `limited`: so many next calls of a message are answered 429, `Retry-After: 1`."""

    def __init__(self, people: dict[str, str], port: int = 0) -> None:
        self.people = people
        self.limited = 0
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.messages: dict[str, dict[str, Any]] = {}
        self.problems: list[str] = []
        self._lock = threading.Lock()
        workspace = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                workspace._take(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if kind is None:
            assert self.problems == []

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        raw = request.rfile.read(int(request.headers["content-length"]))
        method = request.path.removeprefix("/api/")
        with self._lock:
            status, answer = self._answer(method, request, raw)
        body = json.dumps(answer).encode()
        request.send_response(status)
        if status == 429:
            request.send_header("retry-after", "1")
        request.send_header("content-type", "application/json")
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _answer(self, method: str, request: BaseHTTPRequestHandler, raw: bytes) -> tuple[int, dict[str, Any]]:
        if request.headers["authorization"] != f"Bearer {TOKEN}":
            return 200, {"ok": False, "error": "invalid_auth"}
        if method == "users.info":
            self._check(request.headers["content-type"] == "application/x-www-form-urlencoded", "users.info takes a form")
            user = parse_qs(raw.decode())["user"][0]
            self.calls.append((method, {"user": user}))
            if user not in self.people:
                return 200, {"ok": False, "error": "user_not_found"}
            return 200, {"ok": True, "user": {"id": user, "is_email_confirmed": True, "profile": {"email": self.people[user]}}}
        self._check(request.headers["content-type"] == "application/json; charset=utf-8", "JSON says its charset")
        said = json.loads(raw)
        if self.limited and method == "chat.postMessage":
            self.limited -= 1
            return 429, {"ok": False, "error": "ratelimited"}
        self.calls.append((method, said))
        return 200, self._perform(method, said)

    def _perform(self, method: str, said: dict[str, Any]) -> dict[str, Any]:
        if method == "views.open":
            self._check(said["view"]["type"] == "modal" and len(said["view"]["title"]["text"]) <= 24, "a modal with a short title")
            self._check(len(said["view"]["private_metadata"]) <= 3_000, "private_metadata is bounded")
            return {"ok": said["trigger_id"] == "trigger", "error": "invalid_trigger"}
        if method == "chat.postEphemeral":
            self._check(set(said) <= {"channel", "user", "text", "parse"}, "known arguments of postEphemeral")
            return {"ok": True, "message_ts": "1.1"}
        self._blocks(said["blocks"])
        if method == "chat.postMessage":
            ts = f"170.{len(self.messages) + 1:06}"
            self.messages[ts] = said
            return {"ok": True, "channel": "C024BE91L", "ts": ts}
        self._check(method == "chat.update", f"a method that is known: {method}")
        self._check(said["channel"] == "C024BE91L", "chat.update takes the channel's id")
        if said["ts"] not in self.messages:
            return {"ok": False, "error": "message_not_found"}
        self.messages[said["ts"]] |= said
        return {"ok": True, "channel": "C024BE91L", "ts": said["ts"]}

    def _blocks(self, blocks: list[dict[str, Any]]) -> None:
        """As https://docs.slack.dev/reference/block-kit has them."""
        self._check(0 < len(blocks) <= 50, "1 to 50 blocks")
        for block in blocks:
            kind = block["type"]
            self._check(kind in ("section", "context", "actions"), f"a block that is known: {kind}")
            for text in [block.get("text"), *block.get("fields", []), *(block["elements"] if kind == "context" else [])]:
                if text is not None:
                    self._check(set(text) == {"type", "text", "emoji"} and 0 < len(text["text"]) <= 3_000, "a text object")
            self._check(len(block.get("fields", [])) <= 10, "at most 10 fields")
            for button in block["elements"] if kind == "actions" else []:
                self._check(set(button) <= BUTTON_KEYS and len(button["text"]["text"]) <= 75, "a button")

    def _check(self, right: bool, what: str) -> None:
        if not right:
            self.problems.append(what)

    def wait_for(self, method: str, count: int = 1) -> dict[str, Any]:
        """The call of the method that is the so-manieth."""
        until = time.monotonic() + WAIT_S_MAX
        while time.monotonic() < until:
            with self._lock:
                found = [said for name, said in self.calls if name == method]
            if len(found) >= count:
                return found[count - 1]
            time.sleep(0.02)
        raise AssertionError(f"{method} was not called {count} times: {[name for name, _ in self.calls]}")

    def press(self, admin_port: int, button: dict[str, Any], user: str, secret: str = SIGNING_SECRET, **more: Any) -> int:
        """The button, as a person of the workspace presses it; gives the status."""
        payload = {
            "type": "block_actions", "user": {"id": user}, "team": {"id": "T1"}, "trigger_id": "trigger",
            "container": {"type": "message", "message_ts": next(iter(self.messages)), "channel_id": "C024BE91L"},
            "actions": [{"type": "button", "action_id": button["action_id"], "value": button["value"]}], **more,
        }  # fmt: skip
        return self.interact(admin_port, payload, secret)

    def submit(self, admin_port: int, view: dict[str, Any], user: str, reason: str) -> int:
        """The form that was opened, sent with a reason."""
        values = {"reason": {"reason_text": {"type": "plain_text_input", "value": reason}}}
        shown = {"callback_id": view["callback_id"], "private_metadata": view["private_metadata"], "state": {"values": values}}
        return self.interact(admin_port, {"type": "view_submission", "user": {"id": user}, "team": {"id": "T1"}, "view": shown})

    def interact(self, admin_port: int, payload: dict[str, Any], secret: str = SIGNING_SECRET, at: int = 0) -> int:
        body = urlencode({"payload": json.dumps({**payload, "now": time.monotonic_ns()})})
        timestamp = str(at or int(time.time()))
        signature = SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=body)
        return self.post(admin_port, body, timestamp, signature or "")

    def post(self, admin_port: int, body: str, timestamp: str, signature: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", admin_port, timeout=20)
        headers = {
            "content-type": "application/x-www-form-urlencoded", "x-slack-request-timestamp": timestamp, "x-slack-signature": signature,
        }  # fmt: skip
        with closing(connection):
            connection.request("POST", "/slack/interactions", body, headers)
            with connection.getresponse() as answer:
                answer.read()
                return answer.status


def buttons(message: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The buttons of a message, by what they do."""
    found = [one for block in message["blocks"] if block["type"] == "actions" for one in block["elements"]]
    return {one["action_id"].removeprefix("review_"): one for one in found}
