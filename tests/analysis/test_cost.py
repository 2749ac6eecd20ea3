"""Each parameter, product and second belongs to one stage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small_weights import random_network
from torch import nn

from ffnet3d.analysis.cost import by_kind, measure_cost
from ffnet3d.analysis.cost_count import Work, tally
from ffnet3d.analysis.cost_stages import REST, parameters_by_stage, stages
from ffnet3d.models import create_model, fuse
from ffnet3d.models.mixers import MIXERS
from ffnet3d.models.presets import PRESETS

STAGES = [
    *("stem", "encoder 0", "pool 1", "encoder 1", "pool 2", "encoder 2", "pool 3", "encoder 3"),
    *("pool 4", "encoder 4", "unpool 3", "decoder 3", "unpool 2", "decoder 2", "unpool 1", "decoder 1"),
    *("unpool 0", "decoder 0", "head"),
]


def scene(count: int = 700, extent: int = 24) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(0)
    cells = rng.choice(extent**3, count, replace=False)
    grid = np.stack(np.unravel_index(cells, (extent,) * 3), axis=1)
    return {
        "feat": torch.from_numpy(rng.uniform(size=(count, 6)).astype(np.float32)),
        "grid_coord": torch.from_numpy(grid),
        "offset": torch.tensor([count]),
    }


def meta_model(preset: str, **arguments: Any) -> nn.Module:
    with torch.device("meta"):
        return create_model(preset, **arguments)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_parameter_of_a_preset_is_in_one_stage(preset: str) -> None:
    check_parameters(meta_model(preset))


@pytest.mark.parametrize("name", MIXERS.names())
def test_every_parameter_of_a_mixer_is_in_one_stage(name: str) -> None:
    check_parameters(meta_model("ffnet3d-tiny", mixers=name, channel_mixers=name, layer_scale=0.1))


def check_parameters(model: nn.Module) -> None:
    parts = stages(model)
    assert list(parts) == STAGES
    owned = [parameter for part in parts.values() for parameter in part.parameters()]
    assert len({id(parameter) for parameter in owned}) == len(owned)
    counts = parameters_by_stage(model)
    assert counts.pop(REST) == 0
    assert sum(counts.values()) == sum(parameter.numel() for parameter in model.parameters())
    assert all(counts[name] > 0 for name in ("stem", "pool 4", "unpool 0", "head"))


def test_parameters_beside_the_stages_are_the_rest() -> None:
    model = random_network()
    model.embedding = nn.Embedding(3, 5)
    assert parameters_by_stage(model)[REST] == 15


def test_the_costs_of_a_network_add_up() -> None:
    model, batch = random_network(), scene()
    cost = measure_cost(model, batch, "net", repeats=2)
    assert (cost.name, cost.voxels) == ("net", 700)
    assert [stage.stage for stage in cost.stages] == [*STAGES, REST]
    assert cost.parameters == sum(parameter.numel() for parameter in model.parameters())
    whole = [work for _, work in tally(fuse(model), batch).works]
    assert (cost.present, cost.dense) == (
        sum(work.present for work in whole),
        sum(work.dense for work in whole),
    )
    assert cost.flops_per_voxel == 2 * cost.present / 700
    assert cost.uncounted == cost.idle == ()
    assert all(stage.seconds.repeats == 2 and stage.seconds.minimum > 0 for stage in cost.stages)
    assert cost.total.maximum <= sum(stage.seconds.maximum for stage in cost.stages) * (1 + 1e-9)
    assert cost.geometry.minimum > 0


def test_a_stage_works_on_the_voxels_of_its_level() -> None:
    batch = scene()
    cost = measure_cost(random_network(), batch, "net", repeats=1)
    by_stage = {stage.stage: stage for stage in cost.stages}
    for level in range(5):
        cells = len(torch.unique(batch["grid_coord"] // 2**level, dim=0))
        assert by_stage[f"encoder {level}"].voxels == cells
        assert by_stage[f"encoder {level}"].output_bytes == 4 * 8 * cells
    assert (by_stage["head"].voxels, by_stage["head"].output_bytes) == (700, 4 * 3 * 700)
    head = Work("linear", 700 * 8 * 3, 700 * 8 * 3)
    assert by_stage["head"].works == (head,)
    assert {work.kind for work in by_stage["encoder 2"].works} == {"convolution", "linear", "norm"}


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="memory is that of oneDNN's products")
def test_the_peak_of_a_stage_holds_its_output() -> None:
    cost = measure_cost(random_network(enc_channels=(64,) * 5), scene(9000), "net", repeats=1)
    first = cost.stages[1]
    if first.peak_bytes is None:
        pytest.skip("this system does not let the peak of memory start anew")
    assert first.peak_bytes > first.output_bytes


def test_kinds_are_added_up_in_order() -> None:
    works = [Work("linear", 1, 2), Work("convolution", 3, 4), Work("linear", 5, 6), Work("norm", 0, 0)]
    assert by_kind(works) == (Work("convolution", 3, 4), Work("linear", 6, 8))


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="one forward pass or more, got 0"):
        measure_cost(random_network(), scene(), "net", repeats=0)
    with pytest.raises(ValueError, match="fused already"):
        measure_cost(fuse(random_network()), scene(), "net")
