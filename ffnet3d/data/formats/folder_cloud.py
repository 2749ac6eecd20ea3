"""A scene folder of any size: its arrays in chunks, and the folder written again with arrays added."""

from __future__ import annotations

import shutil
from pathlib import Path

from ffnet3d.atomic import write_folder
from ffnet3d.data.formats.arrays_cloud import ArraysCloud
from ffnet3d.data.formats.cloud import CHUNK, Addition
from ffnet3d.data.formats.stored_array import StoredArray, stored_array


class FolderCloud(ArraysCloud):
    """A folder with `coord.npy` [N, 3] and beside it `color.npy`, `normal.npy` [N, 3], `segment.npy` [N] ...

    Columns: x, y, z, red, green, blue, nx, ny, nz and the names of other files. ValueError naming the file
    that is missing or damaged.
    """

    def __init__(self, file: Path) -> None:
        if not (file / "coord.npy").is_file():
            raise ValueError(
                f"{file / 'coord.npy'} is missing: a scene folder needs coord.npy [N, 3] in metres"
            )
        files = sorted(one for one in file.iterdir() if one.suffix == ".npy" and one.is_file())
        super().__init__(file, {one.stem: _array(one) for one in files})

    def copy(self, out: Path, added: Addition, rows: int = CHUNK) -> None:
        """Write the folder again with all its files, and a `.npy` file for each new column.

        label_red, label_green and label_blue become label_color.npy [N, 3]. ValueError where `out` is within.
        """
        if self.file.resolve() in out.resolve().parents:
            raise ValueError(f"{out}: lies within the scene {self.file}; write it to another place")
        arrays = self.new_arrays(added)

        def fill(staging: Path) -> None:
            replaced = {f"{name}.npy" for name in self.parts if self.is_replaced(name, added)}
            shutil.copytree(
                self.file,
                staging,
                dirs_exist_ok=True,
                ignore=lambda folder, _: replaced if Path(folder) == self.file else set(),
            )
            for name in self.parts:
                if f"{name}.npy" in replaced:
                    with (staging / f"{name}.npy").open("wb") as stream:
                        self.write_replaced(stream, name, added, rows)
            for name, array in arrays.items():
                with (staging / f"{name}.npy").open("wb") as stream:
                    self.write_new(stream, array, added, rows)

        write_folder(out, fill)


def _array(file: Path) -> StoredArray:
    return stored_array(file, file.stat().st_size, lambda: file.open("rb"))
