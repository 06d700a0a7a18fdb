"""How much room a disk has."""

import os


def disk_space(directory: str) -> tuple[int, int]:
    """(bytes that are free for this process, bytes of the whole disk); (0, 0) where nobody can tell."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return 0, 0
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
