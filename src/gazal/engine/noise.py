"""The randomness of a reply belongs to its request: batch mates, batch size and order cannot change it."""

import hashlib

import numpy as np
from numpy.typing import NDArray


def draw_noise(seed: int, case_id: str, sample: int, n: int) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1), the p-th of which draws the p-th token of a reply.

    More of them begin with the same ones.
    """
    return np.random.Generator(np.random.Philox(key=derive_key(seed, case_id, sample))).random(n)


def derive_key(seed: int, case_id: str, sample: int) -> int:
    """128 bits that belong to one reply under one seed."""
    name = f"{seed}\x1f{sample}\x1f{case_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(name).digest()[:16], "big")
