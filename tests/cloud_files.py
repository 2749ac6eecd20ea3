"""Point files of every format under test, and what holds for all of them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ffnet3d.data.formats.cloud import Addition, Cloud, Column

Open = Callable[[Path], Cloud]


def read_all(cloud: Cloud, rows: int = 7) -> dict[str, np.ndarray]:
    """All points of a cloud, after checking that its chunks are as it says."""
    chunks = list(cloud.chunks(rows))
    for chunk in chunks:
        assert tuple(chunk) == cloud.names
        sizes = {len(values) for values in chunk.values()}
        assert len(sizes) == 1
        assert 1 <= sizes.pop() <= rows
    whole = {
        column.name: np.concatenate([np.empty(0, column.dtype), *(chunk[column.name] for chunk in chunks)])
        for column in cloud.columns
    }
    for column in cloud.columns:
        assert whole[column.name].dtype == column.dtype
        assert whole[column.name].shape == (cloud.num_points,)
    return whole


def addition(values: Mapping[str, np.ndarray]) -> Addition:
    """Columns that are held in memory, as an addition."""
    columns = tuple(Column(name, array.dtype) for name, array in values.items())
    return Addition(columns, lambda start, stop: {n: array[start:stop] for n, array in values.items()})


def check_copy(
    open_cloud: Open, file: Path, out: Path, values: Mapping[str, np.ndarray], rows: int = 5
) -> Cloud:
    """Copy with columns added: what was there stays bit for bit and in order, what is new is right."""
    before = open_cloud(file)
    old = read_all(before)
    before.copy(out, addition(values), rows)
    assert not out.with_name(f"{out.name}.tmp").exists()
    after = open_cloud(out)
    assert after.names == (*before.names, *(name for name in values if name not in before.names))
    assert after.columns[: len(before.columns)] == before.columns
    new = read_all(after)
    for name, array in new.items():
        expected = values[name].astype(array.dtype) if name in values else old[name]
        assert array.tobytes() == expected.tobytes(), name
    return after


def read_or_refuse(open_cloud: Open, file: Path) -> bool:
    """Read a file that may be damaged; False where it is refused with a ValueError that names it."""
    try:
        cloud = open_cloud(file)
        count = sum(len(next(iter(chunk.values()))) for chunk in cloud.chunks(1000))
    except ValueError as error:
        if file.name not in str(error):
            raise
        return False
    assert count == cloud.num_points
    return True


def peak_memory(action: Callable[[], object]) -> int:
    """Bytes that Python and NumPy hold at most during an action, beyond those held before."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def mutated(data: bytes, rng: np.random.Generator, head: int) -> bytes:
    """A file with some damage: bytes changed (often within the first `head`), cut, doubled or put in."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        reach = min(head, len(out)) if rng.random() < 0.6 else len(out)
        at = int(rng.integers(0, max(reach, 1)))
        kind = int(rng.integers(0, 6))
        if kind == 0:
            out[at : at + 1] = bytes([int(rng.integers(0, 256))])
        elif kind == 1:
            out[at : at + 1] = rng.choice(list(b"0123456789 .-\n,;#e\xff\x00")).astype(np.uint8).tobytes()
        elif kind == 2:
            out[at : at + 4] = rng.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1]).astype("<u4").tobytes()
        elif kind == 3:
            del out[at:]
        elif kind == 4:
            out[at:at] = out[at : at + int(rng.integers(1, 40))]
        else:
            del out[at : at + int(rng.integers(1, 20))]
    return bytes(out)
