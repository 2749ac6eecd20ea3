"""What an exported network says of itself: its recipe, and the pyramid that it wants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ffnet3d.segment.network import Depths
from ffnet3d.segment.recipe import Recipe, recipe_of

RECIPE, STRIDES, KERNEL_SIZES, DEPTHS = "recipe", "strides", "kernel_sizes", "depths"
VERSION, PARAMETERS, CONDITION = "ffnet3d", "parameters", "condition"


@dataclass(frozen=True)
class Exported:
    """Beside the weights in an exported file.

    Args:
        recipe: voxel size, features and classes.
        strides: between the levels of the pyramid.
        kernel_sizes: of each level's neighbour tables, finest first.
        depths: of its stages.
        parameters: their number, of the network before the export.
        version: of the ffnet3d that exported it.
        condition: the data set whose norms it has; "" where there are no norms by data set.
    """

    recipe: Recipe
    strides: tuple[int, ...]
    kernel_sizes: tuple[tuple[int, ...], ...]
    depths: Depths
    parameters: int
    version: str
    condition: str = ""

    def as_strings(self) -> dict[str, str]:
        """For the metadata of a file, which holds strings: JSON where it is no string."""
        return {
            RECIPE: json.dumps(self.recipe.as_dict()),
            STRIDES: json.dumps(self.strides),
            KERNEL_SIZES: json.dumps(self.kernel_sizes),
            DEPTHS: json.dumps(self.depths),
            PARAMETERS: json.dumps(self.parameters),
            VERSION: self.version,
            CONDITION: self.condition,
        }


def exported_of(metadata: Mapping[str, str], source: str) -> Exported:
    """What the metadata of a file say; ValueError naming `source` where they are not those of ffnet3d."""
    try:
        recipe = json.loads(metadata[RECIPE])
        strides = tuple(int(stride) for stride in json.loads(metadata[STRIDES]))
        kernel_sizes = tuple(tuple(map(int, sizes)) for sizes in json.loads(metadata[KERNEL_SIZES]))
        encoder, decoder, kernel = json.loads(metadata[DEPTHS])
        depths = (tuple(map(int, encoder)), tuple(map(int, decoder)), int(kernel))
        parameters = int(metadata[PARAMETERS])
        version, condition = metadata[VERSION], metadata.get(CONDITION, "")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{source} was not exported by ffnet3d ({type(error).__name__}: {error}): make one with "
            "ffnet3d export WEIGHTS model.onnx"
        ) from error
    return Exported(recipe_of(recipe, source), strides, kernel_sizes, depths, parameters, version, condition)
