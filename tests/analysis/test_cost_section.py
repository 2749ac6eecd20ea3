"""The section of costs: tables, the figure, and what is said of layers that were not counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_weights import random_network
from studies import RECIPE, small_study
from torch import nn

from ffnet3d.analysis.cost import measure_cost
from ffnet3d.analysis.cost_figure import draw_costs
from ffnet3d.analysis.cost_section import cost_section, warnings
from ffnet3d.analysis.network import study_network
from ffnet3d.analysis.study import Case, Study
from ffnet3d.bench.tables import number

pytest.importorskip("matplotlib", reason="matplotlib is needed: pip install 'ffnet3d[view]'")


def test_a_table_of_all_one_of_kinds_and_one_a_network(tmp_path: Path):
    study = small_study(tmp_path)
    other = study_network(random_network(3, 3, mixers="window_attention"), RECIPE, "other", "cpu")
    section = cost_section(Study((*study.cases, Case(other, study.cases[0].scene))), tmp_path)
    totals, kinds, *stages = section.tables
    assert [row[0] for row in totals.rows] == ["small", "other"]
    assert [row[1] for row in kinds.rows if row[0] == "small"] == ["convolution", "linear", "pooling", "norm"]
    assert "attention" in [row[1] for row in kinds.rows if row[0] == "other"]
    assert [table.caption for table in stages] == ["Stages of small.", "Stages of other."]
    assert [row[0] for row in stages[0].rows][:3] == ["stem", "encoder 0", "pool 1"]
    for table in section.tables:
        assert all(len(row) == len(table.header) for row in table.rows)
    assert (tmp_path / section.pictures[0].file).read_bytes().startswith(b"\x89PNG")
    small = section.figures["networks"][0]
    assert sum(stage["parameters"] for stage in small["stages"]) == small["parameters"]
    assert not [line for line in section.words if "not counted, of" in line or "did not run" in line]


def test_bars_are_what_the_stages_cost(tmp_path: Path):
    study = small_study(tmp_path)
    case = study.cases[0]
    cost = measure_cost(case.network.segmentor, case.batch(), "small", repeats=1)
    figure = draw_costs([cost, replace(cost, name="again")])
    voxels, parameters, work, seconds = figure.axes
    assert [text.get_text() for text in seconds.get_xticklabels()] == [
        stage.stage for stage in cost.stages[:-1]
    ]
    assert voxels.containers[0][0].get_height() == cost.stages[0].voxels / 1e3
    for axes, whole in ((parameters, cost.parameters / 1e6), (work, cost.present / 1e9)):
        assert sum(bar.get_height() for bar in axes.containers[1]) == pytest.approx(whole)
    (legend,) = figure.legends
    totals = (
        f"again: {number(cost.parameters / 1e6)} M parameters, {number(cost.present / 1e9)} G multiply-adds"
    )
    assert legend.get_texts()[1].get_text().startswith(totals)
    with pytest.raises(ValueError, match="no network to draw the costs of"):
        draw_costs([])


class Shift(nn.Module):
    """A layer that nobody has taught the counter."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features + self.weight


def test_what_is_not_counted_is_said(tmp_path: Path):
    case = small_study(tmp_path).cases[0]
    model = case.network.segmentor
    model.backbone.stem.norm = nn.Sequential(model.backbone.stem.norm, Shift())
    model.spare = nn.Linear(2, 3)
    cost = measure_cost(model, case.batch(), "small", repeats=1)
    assert warnings(cost) == [
        "small: not counted, of an unknown type: backbone.stem.norm.1.",
        "small: did not run on this scan: spare.",
    ]
    assert cost.stages[-1].parameters == 9
    assert warnings(replace(cost, uncounted=(), idle=tuple("abcdef"))) == [
        "small: did not run on this scan: a, b, c, d and 2 more."
    ]
