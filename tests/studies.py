"""A study small enough for tests: a made-up room with true labels, a random network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shown_rooms import NAMES, write_room
from small_weights import random_network

from ffnet3d.analysis.network import study_network
from ffnet3d.analysis.study import Study, make_study
from ffnet3d.segment.recipe import Recipe

CLASSES = tuple(NAMES.split(","))
RECIPE = Recipe(0.2, ("color",), CLASSES)


def small_study(
    folder: Path, classes: tuple[str, ...] = (), predicted: bool = False, points: int = 900, **arguments: Any
) -> Study:
    """One random network, with these arguments, on a room of some hundred points."""
    network = study_network(random_network(3, len(CLASSES), **arguments), RECIPE, "small", "cpu")
    return make_study([network], [write_room(folder / "room.ply", points)], classes, predicted)
