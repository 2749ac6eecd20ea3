"""What the chunks of a LAZ file must keep before a library may read them.

The decoder takes memory for the sizes that a chunk states, and ends the whole process where there is none.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

ITEM = struct.Struct("<HHH")  # type, bytes, version
LAYERS = {10: 9, 11: 1, 12: 2, 13: 1}
"""Type of a layered item -> its layers; bytes (14) have one for each."""
BYTES = 14
ANY = 2**32 - 1  # chunk size of files whose chunks differ


@dataclass(frozen=True)
class Compression:
    """What the LASzip record says.

    Args:
        chunked: whether there are chunks.
        chunk_size: points of each, or ANY.
        items: (type, bytes) of what a point is made of.
    """

    chunked: bool
    chunk_size: int
    items: tuple[tuple[int, int], ...]

    @property
    def row(self) -> int:
        """Bytes of a point."""
        return sum(size for _, size in self.items)

    @property
    def layered(self) -> bool:
        """Whether chunks hold layers, as those of point formats 6 and later do."""
        return any(kind >= min(LAYERS) for kind, _ in self.items)

    @property
    def layers(self) -> int:
        """Layers of a chunk."""
        return sum(size if kind == BYTES else LAYERS[kind] for kind, size in self.items)


def parse_compression(file: Path, data: bytes) -> Compression:
    """The contents of a LASzip record; ValueError where it is none."""
    if len(data) >= 34:
        compressor, chunk_size, count = struct.unpack_from("<H10xI16xH", data)
        if 34 + count * ITEM.size <= len(data):
            items = [ITEM.unpack_from(data, 34 + place * ITEM.size)[:2] for place in range(count)]
            found = Compression(compressor in (2, 3), chunk_size, tuple(items))
            if not found.layered or all(kind in (*LAYERS, BYTES) for kind, _ in items):
                return found
    raise ValueError(f"{file}: its points are compressed, but no valid LASzip record says how")


def check_chunks(file: Path, stream: BinaryIO, compression: Compression, offset: int, count: int) -> None:
    """ValueError where the chunks behind byte `offset` cannot hold `count` points."""
    table, chunks = _chunk_table(file, stream, offset)
    held, row = table - offset - 8, compression.row
    if chunks * row > held:
        raise ValueError(f"{file}: {chunks} chunks in {held} bytes, but each begins with a point of {row}")
    if not chunks or (compression.chunk_size != ANY and count > chunks * compression.chunk_size):
        most = chunks * compression.chunk_size
        raise ValueError(f"{file}: the header promises {count} points, the file holds {most} at most")
    if compression.layered:
        _check_layers(file, stream, compression, offset + 8, table, chunks)


def _chunk_table(file: Path, stream: BinaryIO, offset: int) -> tuple[int, int]:
    """Where the table of chunks is, and how many it lists."""
    size = stream.seek(0, 2)
    stream.seek(offset)
    position = int.from_bytes(stream.read(8), "little", signed=True)
    if position == -1:  # written to a pipe: the position is at the end
        stream.seek(max(size - 8, 0))
        position = int.from_bytes(stream.read(8), "little", signed=True)
    if not offset + 8 <= position <= size - 8:
        raise ValueError(
            f"{file}: its chunk table should be at byte {position}, but the file has {size} bytes"
        )
    stream.seek(position + 4)
    return position, int.from_bytes(stream.read(4), "little")


def _check_layers(
    file: Path, stream: BinaryIO, compression: Compression, start: int, stop: int, chunks: int
) -> None:
    """ValueError where the layers of a chunk, one behind another, do not end before byte `stop`.

    A chunk is its first point, the number of its points, the sizes of its layers, and these.
    """
    sizes = struct.Struct(f"<4x{compression.layers}I")
    for number in range(chunks):
        stream.seek(start + compression.row)
        data = stream.read(sizes.size)
        end = start + compression.row + sizes.size
        end += sum(sizes.unpack(data)) if len(data) == sizes.size else 0
        if end > stop or len(data) < sizes.size:
            raise ValueError(f"{file}: its chunk {number} ends at byte {end}, but the points do at {stop}")
        start = end
