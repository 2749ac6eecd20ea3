"""A cloud whose columns the caller names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ffnet3d.data.formats.cloud import CHUNK, Addition, Cloud, Column, Rows


class RenamedCloud(Cloud):
    """A cloud's columns under other names: `names` for the first of them, their own for the rest.

    A copy keeps the file's own names. ValueError for more names than columns, and for names that stand twice.
    """

    def __init__(self, cloud: Cloud, names: Sequence[str]) -> None:
        self.cloud = cloud
        stated = state_names(cloud.file, cloud.names, names)
        columns = [Column(name, column.dtype) for name, column in zip(stated, cloud.columns, strict=True)]
        super().__init__(cloud.file, cloud.num_points, columns)

    def chunks(self, rows: int = CHUNK) -> Iterator[Rows]:
        """All points in the file's order, under the stated names."""
        own = dict(zip(self.cloud.names, self.names, strict=True))
        for chunk in self.cloud.chunks(rows):
            yield {own[name]: values for name, values in chunk.items()}

    def copy(self, out: Path, added: Addition, rows: int = CHUNK) -> None:
        """Write the file again; a column of a stated name is replaced under the file's name for it."""
        own = dict(zip(self.names, self.cloud.names, strict=True))
        columns = tuple(Column(own.get(column.name, column.name), column.dtype) for column in added.columns)

        def renamed(start: int, stop: int) -> Rows:
            return {own.get(name, name): values for name, values in added.rows(start, stop).items()}

        self.cloud.copy(out, Addition(columns, renamed), rows)


def state_names(file: Path, own: Sequence[str], stated: Sequence[str]) -> list[str]:
    """Names of all columns where the caller states those of the first; ValueError where that cannot be."""
    if len(stated) > len(own):
        raise ValueError(
            f"{file}: {len(stated)} names are stated ({', '.join(stated)}), but there are {len(own)} columns "
            f"({', '.join(own)})"
        )
    names = [*stated, *own[len(stated) :]]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{file}: its columns would be {', '.join(names)}: {', '.join(twice)} stands twice")
    return names
