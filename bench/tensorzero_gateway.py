"""TensorZero's HTTP gateway, as its Python package starts it: `tensorzero_gateway.py CONFIG PORT_FILE`, by the Python that has it."""

import signal
import sys
from pathlib import Path

from tensorzero import _start_http_gateway  # type: ignore[import-not-found]  # what its own `patch_openai_client` calls; the package has no program

gateway = _start_http_gateway(config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False)
port = Path(sys.argv[2])
port.with_suffix(".new").write_text(gateway.base_url.split(":")[2].partition("/")[0])
port.with_suffix(".new").rename(port)
signal.pause()
