"""How much room a disk has, as its file system says it."""

import os
import subprocess
from pathlib import Path

import pytest

from orchvynt.adapters.disk import disk_space


def test_room_is_what_the_file_system_says(tmp_path: Path) -> None:
    free, whole = disk_space(str(tmp_path))
    assert 0 < free < whole
    assert disk_space(str(tmp_path / "nowhere")) == (0, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount a small file system")
def test_a_read_only_disk_has_none(tmp_path: Path) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=24m", "tmpfs", str(tmp_path)], check=False, capture_output=True).returncode:
        pytest.skip("this machine mounts nothing")
    try:
        free, whole = disk_space(str(tmp_path))
        assert (free, whole > 0) == (0, True)
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=False)
