"""What the callers of an invocation are told that could not be recorded, or that a defect stopped; a defect's trace goes to stderr."""

import sys
import traceback

from orchvynt.model.faults import Fault
from orchvynt.ports.journal import JournalUnavailableError


def fault_of(invocation: str, error: Exception) -> Fault:
    """What cannot be recorded does not happen: no send, no answer. A defect ends its invocation, closed."""
    if isinstance(error, JournalUnavailableError):
        said = f"The record cannot be written ({error}), so nothing is sent and nothing is answered."
        help_text = "Make room or repair the disk; OrchVynt goes on by itself."
        return Fault("store_unavailable", said, help_text, retry_after_seconds=5)
    sys.stderr.write(f"orchvynt: {invocation} failed\n{''.join(traceback.format_exception(error))}")
    return Fault("internal", "A defect of OrchVynt stopped this invocation.", "Please report it with its id.")
