"""What a process runs: `compiled`, where the modules of the hot path were compiled ahead of time, or `pure` Python."""

from typing import Literal

Build = Literal["compiled", "pure"]
