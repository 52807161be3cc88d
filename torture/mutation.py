"""Random damage to a file, the same for the same seed."""

import numpy as np


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """Change, copy, drop or insert bytes in a few places, mostly near the beginning."""
    new = bytearray(data)
    for _ in range(random.integers(1, 6)):
        place = int(random.integers(len(new) if random.random() < 0.5 else min(len(new), 128)))
        length = int(random.integers(1, 16))
        match int(random.integers(5)):
            case 0:
                new[place] ^= 1 << int(random.integers(8))
            case 1:
                new[place] = int(random.choice([0, 1, 127, 128, 255]))
            case 2:
                new[place : place + length] = random.bytes(length)
            case 3:
                del new[place : place + length]
            case _:
                new[place:place] = new[length : 2 * length]
    return bytes(new) or b"\0"
