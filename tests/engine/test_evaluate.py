"""Which predictions are held against which labels."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ffnet3d.engine.evaluate import nearest_points, predictions


def older_batch(seed: int = 0) -> dict[str, Any]:
    """Two overlapping scenes as older configs collect them: voxels, and all points by their place."""
    generator = torch.Generator().manual_seed(seed)
    voxels, points = (30, 50), (400, 700)
    return {
        "coord": torch.rand(sum(voxels), 3, generator=generator),
        "offset": torch.tensor(voxels).cumsum(0),
        "origin_coord": torch.rand(sum(points), 3, generator=generator),
        "origin_offset": torch.tensor(points).cumsum(0),
        "segment": torch.randint(0, 5, (sum(voxels),), generator=generator),
        "origin_segment": torch.randint(0, 5, (sum(points),), generator=generator),
    }


def nearest_of_all_pairs(batch: dict[str, Tensor]) -> Tensor:
    """Each original point's nearest voxel of its own scene, from all distances."""
    scene = torch.bucketize(torch.arange(len(batch["coord"])), batch["offset"], right=True)
    origin_scene = torch.bucketize(
        torch.arange(len(batch["origin_coord"])), batch["origin_offset"], right=True
    )
    distance = torch.cdist(batch["origin_coord"].double(), batch["coord"].double())
    distance[origin_scene[:, None] != scene] = torch.inf
    return distance.argmin(1)


def test_voxels_are_scored_where_nothing_leads_back_to_the_points() -> None:
    batch = older_batch()
    predicted, target = predictions(torch.eye(5)[batch["segment"]], {"segment": batch["segment"]})
    assert torch.equal(predicted, batch["segment"])
    assert torch.equal(target, batch["segment"])


def test_original_points_take_the_label_of_the_nearest_voxel_of_their_scene() -> None:
    batch = older_batch()
    expected = nearest_of_all_pairs(batch)
    assert torch.equal(nearest_points(batch), expected)
    predicted, target = predictions(torch.eye(5)[batch["segment"]], batch)
    assert torch.equal(predicted, batch["segment"][expected])
    assert torch.equal(target, batch["origin_segment"])


def test_the_map_that_voxelising_left_comes_before_the_nearest_voxel() -> None:
    batch = older_batch()
    batch["inverse"] = torch.arange(len(batch["origin_coord"])) % len(batch["coord"])
    predicted, _ = predictions(torch.eye(5)[batch["segment"]], batch)
    assert torch.equal(predicted, batch["segment"][batch["inverse"]])


@pytest.mark.parametrize(
    ("lost", "text"),
    [
        ("origin_segment", "data.val.transform: 'origin_coord' needs 'origin_segment' beside it"),
        ("origin_offset", "'origin_coord' needs 'origin_offset' beside it; give Collect offset_keys_dict"),
    ],
)
def test_keys_that_belong_together_are_named(lost: str, text: str) -> None:
    batch = older_batch()
    del batch[lost]
    with pytest.raises(ValueError, match=text):
        predictions(torch.eye(5)[batch["segment"]], batch)
