"""PLY files, read: text or binary of either byte order, any properties in any order, lists of any lengths.

A header that promises more than the file holds is refused before memory is taken for it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ffnet3d.data.formats.ply_binary import BinaryBody
from ffnet3d.data.formats.ply_columns import Columns, Ragged
from ffnet3d.data.formats.ply_header import read_header
from ffnet3d.data.formats.ply_text import TextBody

__all__ = ["Columns", "Ply", "Ragged", "read_ply"]

Body: TypeAlias = "BinaryBody | TextBody"


@dataclass(frozen=True)
class Ply:
    """The contents of a PLY file.

    Args:
        file: whence they come.
        elements: element -> property -> values in the machine's byte order: [N] for a scalar, [N, k] for
            lists that all hold k values, `Ragged` for other lists.
        comments: the header's comments, without the keyword.
    """

    file: Path
    elements: dict[str, Columns]
    comments: tuple[str, ...] = ()

    def stack(self, element: str, names: Sequence[str]) -> np.ndarray:
        """Scalar properties of an element side by side, [N, len(names)]; ValueError naming what lacks."""
        columns = self.elements.get(element)
        if columns is None:
            there = ", ".join(self.elements) or "nothing"
            raise ValueError(f"{self.file}: no element {element!r}, but {there}")
        if missing := [name for name in names if name not in columns]:
            raise ValueError(
                f"{self.file}: its element {element!r} has no property {', '.join(missing)}, but "
                f"{', '.join(columns) or 'none'}"
            )
        arrays = [columns[name] for name in names]
        scalars = [array for array in arrays if isinstance(array, np.ndarray) and array.ndim == 1]
        if len(scalars) < len(arrays):
            raise ValueError(f"{self.file}: {', '.join(names)} must be numbers, but there are lists")
        return np.stack(scalars, axis=1)


def read_ply(file: str | Path, only: Collection[str] | None = None) -> Ply:
    """Read a PLY file, or the elements `only` of it.

    ValueError naming the file, and line or byte, where it is cut off or not as its header says.
    """
    file = Path(file)
    header = read_header(file)
    wanted = {element.name for element in header.elements if only is None or element.name in only}
    body: Body = TextBody(file, header) if header.encoding == "ascii" else BinaryBody(file, header)
    elements: dict[str, Columns] = {}
    for element in header.elements:
        if wanted <= elements.keys():
            break
        columns = body.read(element)
        if element.name in wanted:
            elements[element.name] = columns
    return Ply(file, elements, header.comments)
