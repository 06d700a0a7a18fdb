"""Whether this machine lets processes count their instructions."""

import shutil
import subprocess


def no_counter() -> str:
    """Why no instructions are counted beside the CPU time, in a sentence; empty where the processor's counter can be read."""
    perf = shutil.which("perf")
    if perf is None:
        return "No instructions of the processor are counted: `perf` is not installed."
    done = subprocess.run([perf, "stat", "-x,", "-e", "instructions:u", "true"], capture_output=True, text=True, check=False, timeout=30)
    counted = done.stderr.partition(",")[0].strip()
    if done.returncode == 0 and counted.isdigit():
        return ""
    return f"No instructions of the processor are counted: `perf stat -e instructions:u` says {counted or 'nothing'}."
