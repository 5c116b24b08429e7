"""How much memory and disk this machine has. Whatever cannot be found out is None; nothing here fails."""

import os
import shutil
import subprocess
from pathlib import Path

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def find_memory() -> int | None:
    """Bytes of main memory, or what a container may take of it."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        whole = None
    found = [limit for limit in (*map(_read_limit, _LIMITS), whole) if limit]
    return min(found, default=None)


def find_gpu() -> tuple[str, int] | None:
    """Name and bytes of the GPU with most memory; None where nvidia-smi is absent or finds none."""
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=2, check=True)
        found = [line.rsplit(",", 1) for line in done.stdout.splitlines() if line.strip()]
        sizes = [(name.strip(), int(mib) * 2**20) for name, mib in found]
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return max(sizes, key=lambda gpu: gpu[1], default=None)


def find_disk(folder: Path) -> int | None:
    """Bytes that are free where a folder is or will be."""
    for place in (folder.absolute(), *folder.absolute().parents):
        if place.exists():
            try:
                return shutil.disk_usage(place).free
            except OSError:
                return None
    return None


def _read_limit(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):  # "max" where there is none.
        return None
