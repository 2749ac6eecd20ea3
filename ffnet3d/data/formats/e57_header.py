"""What an E57 file must keep before a library may read it."""

from __future__ import annotations

import struct
from pathlib import Path

HEADER = struct.Struct("<8sIIQQQQ")
"""Signature, two versions, bytes of the file, where its XML is and how long it is, bytes of a page."""
CHECKSUM = 4  # bytes at the end of every page
MAX_XML = 1 << 28  # bytes


def check_header(file: Path) -> None:
    """ValueError where the file is no E57, is cut off, or its XML defines entities, which may explode."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        head = stream.read(HEADER.size)
        if len(head) < HEADER.size or head[:8] != b"ASTM-E57":
            raise ValueError(f"{file}: not an E57 file: it does not begin with ASTM-E57")
        _, _, _, length, start, xml_size, page = HEADER.unpack(head)
        if length > size or page != 1024 or size % page:
            raise ValueError(
                f"{file}: it has {size} bytes, but its header promises {length} in pages of {page}; "
                "perhaps a copy was cut off, download it again"
            )
        if not HEADER.size <= start <= size or xml_size > min(size - start, MAX_XML):
            raise ValueError(f"{file}: its XML should be {xml_size} bytes from byte {start}, of {size}")
        stream.seek(start)
        data = stream.read(xml_size + (xml_size // (page - CHECKSUM) + 2) * CHECKSUM)
    xml = _without_checksums(data, start % page, page)[:xml_size]
    if b"<!" in xml.replace(b"<!--", b"").replace(b"<![CDATA[", b"") or b"\0" in xml:
        raise ValueError(f"{file}: its XML is not as E57 asks: it defines types or entities")


def _without_checksums(data: bytes, start: int, page: int) -> bytes:
    """Bytes of pages, the first of which is cut by its first `start` bytes, without the checksums."""
    first = page - start
    pages = [data[:first], *(data[at : at + page] for at in range(first, len(data), page))]
    sizes = [max(page - CHECKSUM - start, 0), *[page - CHECKSUM] * (len(pages) - 1)]
    return b"".join(part[:keep] for part, keep in zip(pages, sizes, strict=True))
