"""The vocabularies are OpenAI's own, nothing is fetched for them, and the process that counts apart is started, lost and replaced."""

import asyncio
import hashlib
import io
import json
import os
import subprocess
import sys
from importlib.resources import files
from typing import Any

import pytest
from tests.support.hostile_texts import TEXTS
from tiktoken_ext import openai_public

from orchvynt.adapters.tokens import apart, child
from orchvynt.adapters.tokens.apart import FAILURES_MAX, CountingApart
from orchvynt.adapters.tokens.inline import BYTES_MAX, InlineCounting
from orchvynt.adapters.tokens.vocabulary import FILES, PATTERNS, encoder
from orchvynt.catalog.counting import chat_tokens
from orchvynt.catalog.tokenizers import CL100K, O200K

BODY = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "How long is this?"}]}).encode()


def constants(name: str) -> set[Any]:
    """What tiktoken itself says of a vocabulary, in its code."""
    found: set[Any] = set()
    for one in getattr(openai_public, name).__code__.co_consts:
        found |= set(one) if isinstance(one, tuple) else {one}
    return found


@pytest.mark.parametrize("name", [O200K, CL100K])
def test_a_vocabulary_is_the_official_file(name: str) -> None:
    data = files(apart.__package__).joinpath("vocabularies", FILES[name]).read_bytes()
    assert hashlib.sha256(data).hexdigest() in constants(name)


def test_texts_are_cut_as_tiktoken_cuts_them() -> None:
    assert PATTERNS[CL100K] in constants(CL100K)
    parts = [part for part in sorted(constants(O200K), key=str) if isinstance(part, str) and "\\" in part]
    assert len(parts) == 7
    assert all(part in PATTERNS[O200K] for part in parts)


def test_known_counts() -> None:
    assert encoder(O200K)("tiktoken is great!") == encoder(CL100K)("tiktoken is great!") == 6
    assert encoder(CL100K)("お誕生日おめでとう") == 9
    assert encoder(O200K)("お誕生日おめでとう") == 8
    assert encoder(O200K)("<|endoftext|>") > 1, "what looks like a special token is text"
    assert encoder(O200K)("\ud800") >= 1


@pytest.mark.parametrize("name", TEXTS)
def test_bytes_bound_every_count(name: str) -> None:
    for tokenizer in (O200K, CL100K):
        assert encoder(tokenizer)(TEXTS[name]) <= len(TEXTS[name].encode())


def test_nothing_is_loaded_for_those_who_do_not_count() -> None:
    code = "import sys, orchvynt.assembly.serve; sys.exit('tiktoken' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_inline() -> None:
    told: list[int | None] = []
    InlineCounting().count(O200K, BODY, told.append)
    InlineCounting().count(O200K, b" " * (BYTES_MAX + 1), told.append)
    assert told == [chat_tokens(BODY, encoder(O200K)), None]


def counted(counting: CountingApart, bodies: list[bytes], tokenizer: str = O200K) -> list[int | None]:
    """What a loop is told, which `counting` was made with."""
    told: list[int | None] = []
    for body in bodies:
        counting.count(tokenizer, body, told.append)
    return told


async def all_told(told: list[int | None], count: int) -> None:
    async with asyncio.timeout(60):
        while len(told) < count:
            await asyncio.sleep(0.01)


def test_apart() -> None:
    async def run() -> None:
        said: list[str] = []
        counting = CountingApart(asyncio.get_running_loop().call_soon_threadsafe, said.append)
        told = counted(counting, [BODY, b"{}", b" " * (BYTES_MAX + 1)])
        assert told == [None], "what is too large is not even sent"
        await all_told(told, 3)
        assert told == [None, chat_tokens(BODY, encoder(O200K)), None]
        first = counting._apart.running
        assert first is not None
        os.kill(first.pid, 9)
        first.wait()
        again = counted(counting, [BODY], CL100K)
        await all_told(again, 1)
        assert again == [chat_tokens(BODY, encoder(CL100K))]
        assert counting._apart.running is not first
        counting.close()
        assert counting._apart.running is None
        assert said == []

    asyncio.run(run())


def test_a_tokenizer_that_nobody_has() -> None:
    """The child ends of it each time; after three times nobody tries again, and it is said once."""

    async def run() -> None:
        said: list[str] = []
        counting = CountingApart(asyncio.get_running_loop().call_soon_threadsafe, said.append)
        told = counted(counting, [BODY] * FAILURES_MAX, "none")
        await all_told(told, FAILURES_MAX)
        assert told == [None] * FAILURES_MAX
        assert len(said) == 1
        assert "bytes bound them" in said[0]
        assert counted(counting, [BODY]) == [None]
        counting.close()

    asyncio.run(run())


class Line(io.RawIOBase):
    """An input that gives little at a time."""

    def __init__(self, reader: int) -> None:
        self.reader = reader

    def fileno(self) -> int:
        return self.reader

    def read(self, size: int = -1, /) -> bytes:
        return os.read(self.reader, min(size, 7))


def test_the_child_answers_until_its_input_ends() -> None:
    reader, writer = os.pipe()
    name = O200K.encode()
    os.write(writer, b"".join((child.LENGTHS.pack(len(name), len(BODY)), name, BODY)) * 2 + child.LENGTHS.pack(4, 4))
    os.close(writer)
    answers = io.BytesIO()
    child.serve(Line(reader), answers)
    os.close(reader)
    assert answers.getvalue() == child.ANSWER.pack(chat_tokens(BODY, encoder(O200K)) or 0) * 2


def test_the_child_ends_when_nobody_asks() -> None:
    reader, writer = os.pipe()
    child.serve(Line(reader), io.BytesIO(), idle_s=0.01)
    os.close(reader)
    os.close(writer)


def test_the_child_says_nothing_when_whoever_asked_was_killed() -> None:
    reader, writer = os.pipe()
    name = O200K.encode()
    with subprocess.Popen([sys.executable, "-m", child.__name__], stdin=subprocess.PIPE, stdout=writer, stderr=subprocess.PIPE) as one:
        # As a kill does it: the ask was sent, and nobody reads the answer.
        os.close(writer)
        os.close(reader)
        _, said = one.communicate(child.LENGTHS.pack(len(name), len(BODY)) + name + BODY, timeout=60)
    assert (one.returncode, said) == (0, b"")
