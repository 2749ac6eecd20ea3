"""LAS and LAZ files made with laspy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def write_las(
    file: Path, count: int = 50, point_format: int = 2, version: str = "1.2", extra: bool = True
) -> Any:
    """Write made points of a format, with records and (extra) bytes; laspy's data of them."""
    import laspy

    rng = np.random.default_rng(count)
    header = laspy.LasHeader(point_format=point_format, version=version)
    header.scales, header.offsets = np.array([0.001, 0.01, 0.1]), np.array([1e5, -5e6, 3.5])
    header.system_identifier, header.file_source_id = "a scanner", 77
    header.vlrs.append(laspy.VLR("somebody", 5, "anything", b"\x01\x02\x03"))
    if extra:
        header.add_extra_dims(
            [
                laspy.ExtraBytesParams("quality", np.float32, "how good"),
                laspy.ExtraBytesParams("angles", "3u2"),
                laspy.ExtraBytesParams("range", np.int32, scales=np.array([0.5]), offsets=np.array([10.0])),
            ]
        )
    las = laspy.LasData(header, laspy.ScaleAwarePointRecord.zeros(count, header=header))
    for name in las.points.array.dtype.names:
        field = las.points.array[name]
        if field.dtype.kind == "f":
            field[...] = rng.random(field.shape)
        else:
            limits = np.iinfo(field.dtype)
            field[...] = rng.integers(limits.min, limits.max, field.shape, field.dtype, endpoint=True)
    if version == "1.4":
        las.evlrs = laspy.vlrs.vlrlist.VLRList([laspy.VLR("somebody", 6, "later", b"evlr" * 10)])
    las.write(file)
    return las
