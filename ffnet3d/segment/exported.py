"""What an exported network says of itself: its recipe, and the pyramid that it wants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ffnet3d.segment.network import StageReach
from ffnet3d.segment.recipe import Recipe, recipe_of
from ffnet3d.voxels.kernels import Kernel, check_kernel

RECIPE, STRIDES, KERNEL_SIZES, REACH = "recipe", "strides", "kernel_sizes", "reach"
VERSION, PARAMETERS, CONDITION = "ffnet3d", "parameters", "condition"
DEPTHS = "depths"  # in place of the reach in files of ffnet3d before mixers could be chosen
CONVOLUTIONS = 3  # of each block in such a network, one after another


@dataclass(frozen=True)
class Exported:
    """Beside the weights in an exported file.

    Args:
        recipe: voxel size, features and classes.
        strides: between the levels of the pyramid.
        kernel_sizes: of each level's neighbour tables, finest first.
        reach: how far its stages look.
        parameters: their number, of the network before the export.
        version: of the ffnet3d that exported it.
        condition: the data set whose norms it has; "" where there are no norms by data set.
    """

    recipe: Recipe
    strides: tuple[int, ...]
    kernel_sizes: tuple[tuple[Kernel, ...], ...]
    reach: StageReach
    parameters: int
    version: str
    condition: str = ""

    def as_strings(self) -> dict[str, str]:
        """For the metadata of a file, which holds strings: JSON where it is no string."""
        return {
            RECIPE: json.dumps(self.recipe.as_dict()),
            STRIDES: json.dumps(self.strides),
            KERNEL_SIZES: json.dumps(self.kernel_sizes),
            REACH: json.dumps(self.reach),
            PARAMETERS: json.dumps(self.parameters),
            VERSION: self.version,
            CONDITION: self.condition,
        }


def exported_of(metadata: Mapping[str, str], source: str) -> Exported:
    """What the metadata of a file say; ValueError naming `source` where they are not those of ffnet3d."""
    try:
        recipe = json.loads(metadata[RECIPE])
        strides = tuple(int(stride) for stride in json.loads(metadata[STRIDES]))
        kernel_sizes = tuple(tuple(map(check_kernel, sizes)) for sizes in json.loads(metadata[KERNEL_SIZES]))
        reach = _reach_of(metadata)
        parameters = int(metadata[PARAMETERS])
        version, condition = metadata[VERSION], metadata.get(CONDITION, "")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{source} was not exported by ffnet3d ({type(error).__name__}: {error}): make one with "
            "ffnet3d export WEIGHTS model.onnx"
        ) from error
    return Exported(recipe_of(recipe, source), strides, kernel_sizes, reach, parameters, version, condition)


def _reach_of(metadata: Mapping[str, str]) -> StageReach:
    """How far the stages look, of files old and new; KeyError, TypeError or ValueError where neither says."""
    if REACH in metadata:
        encoder, decoder = json.loads(metadata[REACH])
        return tuple(map(_whole_or_none, encoder)), tuple(map(_whole_or_none, decoder))
    *stages, kernel = json.loads(metadata[DEPTHS])
    block = CONVOLUTIONS * (int(kernel) // 2)
    encoder, decoder = (tuple(int(depth) * block for depth in depths) for depths in stages)
    return encoder, decoder


def _whole_or_none(entry: object) -> int | None:
    if entry is not None and not isinstance(entry, int):
        raise ValueError(f"a stage cannot look {entry!r} voxels far")
    return entry
