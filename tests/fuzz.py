"""Damage to files: seeded, so that a failure comes again."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

NUMBERS = (b"0", b"-1", b"1e999", b"nan", b"1000000000000", b"18446744073709551616", b"9" * 5000, b"")
BYTES = (0, 1, 10, 13, 32, 44, 127, 128, 255)


def damaged(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """The file with one to four faults: bytes, numbers, pieces left out, doubled, cut or of another file."""
    for _ in range(rng.randint(1, 4)):
        data = rng.choice(FAULTS)(rng, data, others)
    return data


def _byte(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + bytes([rng.choice((*BYTES, rng.randrange(256)))]) + data[at + 1 :]


def _bit(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) or 1)
    return data[:at] + bytes(byte ^ 1 << rng.randrange(8) for byte in data[at : at + 1]) + data[at + 1 :]


def _early_byte(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at = min(len(data), rng.randrange(300))
    return data[:at] + _byte(rng, data[at : at + 20], others) + data[at + 20 :]


def _number(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Another number for one that stands there in text."""
    found = list(re.finditer(rb"\d+", data[:2000]))
    if not found:
        return data
    one = rng.choice(found)
    return data[: one.start()] + rng.choice(NUMBERS) + data[one.end() :]


def _word(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """A binary number of extremes."""
    at = rng.randrange(len(data) + 1)
    size = rng.choice((2, 4, 8))
    return (
        data[:at]
        + rng.choice((b"\xff" * size, b"\x7f" + b"\xff" * (size - 1), bytes(size)))
        + data[at + size :]
    )


def _cut(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _without(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.randint(1, 40) :]


def _doubled(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    piece = data[at : at + rng.randint(1, 60)]
    return data[:at] + piece * rng.randint(2, 5) + data[at + len(piece) :]


def _other(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A piece of another file."""
    other = rng.choice(others)
    at, start = rng.randrange(len(data) + 1), rng.randrange(len(other) + 1)
    return data[:at] + other[start : start + rng.randint(1, 100)] + data[at:]


FAULTS = (_byte, _bit, _early_byte, _number, _word, _cut, _without, _doubled, _other)
