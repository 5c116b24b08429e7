"""Keep freed memory in the process: training asks for the same large blocks over and over.

By default glibc hands every large block back to the system when it is freed, and the system clears its pages
again at the next step. See ``benchmarks/allocator.py`` for what it saves.
"""

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
"""Parameters of mallopt(3)."""
_TOP_PAD_BYTES = 256 * 2**20


def keep_freed_memory() -> bool:
    """Tell the allocator to keep what is freed; False where it is another allocator than glibc's."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        library = ctypes.CDLL("libc.so.6")
        return all(
            library.mallopt(parameter, value) == 1
            for parameter, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, _TOP_PAD_BYTES))
        )
    except (OSError, AttributeError):  # Another C library, such as musl.
        return False
