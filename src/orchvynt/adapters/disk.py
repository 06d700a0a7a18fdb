"""How much room a disk has."""

import os


def disk_space(directory: str) -> tuple[int, int]:
    """(bytes that are free for this process, bytes of the whole disk); (0, 0) where nobody can tell. Of a disk that became read-only, as
    disks do after an error, nothing is free."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return 0, 0
    return 0 if found.f_flag & os.ST_RDONLY else found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
