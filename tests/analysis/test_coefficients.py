"""Inactive coefficients: counted as defined, in every mixer that has any, whatever its scale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from studies import small_study
from torch import Tensor

from ffnet3d.analysis.coefficient_figures import draw_network
from ffnet3d.analysis.coefficients import THRESHOLDS, coefficients_section, tally, tally_network
from ffnet3d.analysis.places import Place, mixers_of, watch

pytest.importorskip("matplotlib", reason="matplotlib is needed: pip install 'ffnet3d[view]'")
from matplotlib.figure import Figure


def test_counts_of_a_known_mixer():
    # The root mean square is 5, so the thresholds lie at 0.05, 0.5 and 1.5.
    coefficients = torch.tensor([[0.0, -0.04, 0.4, 1.4], [10.0, 0.0, -0.4, 0.0]])
    coefficients[0, 3] = (8 * 25 - 100 - 0.04**2 - 2 * 0.4**2) ** 0.5
    counted = tally(coefficients)
    assert (counted.voxels, counted.keys) == (2, 4)
    assert counted.shares == (4 / 8, 6 / 8, 6 / 8)
    assert counted.share_not_positive == 5 / 8
    assert counted.active_keys == 1
    assert counted.unused_keys == 2


def test_the_scale_of_a_mixer_does_not_matter():
    coefficients = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    assert tally(1000 * coefficients).as_dict() == tally(coefficients).as_dict()
    assert tally(torch.zeros(3, 2)).shares == (1.0, 1.0, 1.0)


def test_several_scans_add_up():
    first, second = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 3.0], [0.0, 3.0]])
    both = tally(first) + tally(second)
    assert both.voxels == 3
    assert both.inactive == (3, 3, 3)
    assert both.unused_keys == 0
    assert both.active_keys == 1


def test_the_coefficients_seen_are_those_that_the_network_works_with(tmp_path: Path):
    study = small_study(tmp_path, enc_depths=(1, 1, 1, 2, 1))
    case = study.cases[0]
    mixers = mixers_of(case.network.backbone)
    seen: dict[Place, Tensor] = {}
    passes: dict[Place, tuple[Any, Tensor]] = {}
    for place, mixer in mixers.items():
        mixer.register_forward_hook(
            lambda _, inputs, output, place=place: passes.update({place: (inputs, output.clone())})
        )
    with watch(mixers, lambda place, coefficients: seen.update({place: coefficients})):
        case.predict()
    assert list(seen) == list(mixers)
    for place, (inputs, output) in passes.items():
        again = mixers[place].aggregate(seen[place], *inputs)
        torch.testing.assert_close(again, output, rtol=1e-4, atol=1e-5)
    seen.clear()
    case.predict()
    assert seen == {}  # the watch is over


def test_places_follow_the_network(tmp_path: Path):
    backbone = small_study(tmp_path, enc_depths=(1, 1, 1, 2, 1)).networks[0].backbone
    places = [place for place in mixers_of(backbone) if place.mixer == "token"]
    assert [(place.stage, place.level, place.block) for place in places] == [
        *(("encoder", level, 0) for level in range(4)),
        ("encoder", 3, 1),
        ("encoder", 4, 0),
        *(("decoder", level, 0) for level in (3, 2, 1, 0)),
    ]
    assert str(places[4]) == "encoder 3, block 1, token mixer"


def test_what_a_relu_sets_to_zero_is_inactive_at_any_threshold(tmp_path: Path):
    cases = small_study(tmp_path, use_gelu=False).cases
    for counted in tally_network(cases).values():
        assert counted.shares[0] >= counted.share_not_positive > 0.05


def test_the_section_tells_every_mixer(tmp_path: Path):
    study = small_study(tmp_path)
    section = coefficients_section(study, tmp_path)
    figures = json.loads(json.dumps(section.figures))
    assert figures["thresholds"] == list(THRESHOLDS)
    mixers = figures["networks"]["small"]
    assert len(mixers) == 2 * (5 + 4)
    assert mixers[1]["mixer"] == "channel"
    assert mixers[1]["activity"]["keys"] == 4 * mixers[0]["activity"]["keys"]
    summary, table = section.tables
    assert len(table.rows) == len(mixers)
    assert [row[1] for row in summary.rows] == ["token", "channel"]
    tokens = [entry["activity"] for entry in mixers if entry["mixer"] == "token"]
    total = sum(one["voxels"] * one["keys"] for one in tokens)
    share = sum(one["inactive"]["0.1"] * one["voxels"] * one["keys"] for one in tokens) / total
    assert summary.rows[0][3] == f"{100 * share:.1f}"
    assert (tmp_path / section.pictures[0].file).read_bytes().startswith(b"\x89PNG")


def test_a_network_without_static_keys_is_said_to_have_none(tmp_path: Path):
    study = small_study(
        tmp_path,
        mixers="pooling",
        channel_mixers="identity",
    )
    section = coefficients_section(study, tmp_path)
    assert "small has no mixer whose keys are weights" in section.words[-1]
    assert section.pictures == ()
    assert section.figures["networks"] == {"small": []}


def test_mixers_without_static_keys_are_named_and_marked(tmp_path: Path):
    study = small_study(
        tmp_path, mixers=("ffnified", "ffnified", "window_attention", "window_attention", "pooling")
    )
    section = coefficients_section(study, tmp_path)
    assert section.words[-1] == (
        "small: 5 of 18 mixers have no keys of their own: token mixers (window attention) of encoder 2, "
        "encoder 3, decoder 3, decoder 2; token mixers (pooling) of encoder 4."
    )
    table = section.tables[-1]
    assert len(table.rows) == 18
    without = [row for row in table.rows if "no keys of their own" in row[2]]
    assert [row[0] for row in without] == ["encoder 2", "encoder 3", "encoder 4", "decoder 3", "decoder 2"]
    assert set(without[0][3:]) == {"–"}
    assert len(section.figures["networks"]["small"]) == 13


def test_the_chart_tells_missing_bars_from_low_ones():
    known = tally(torch.tensor([[1.0, 0.0, -1.0, 0.0]]))
    shares = {Place("encoder", 0, 0, "token"): None, Place("encoder", 0, 0, "channel"): known}
    axes = Figure().subplots()
    draw_network(axes, "small", shares, THRESHOLDS, 1)
    bars = {bar.get_label(): bar[0].get_height() for bar in axes.containers}
    assert bars == {"no keys of their own": 100, "inactive, channel mixer, t = 0.1": 50}
    marks = {line.get_label(): line.get_ydata()[0] for line in axes.get_lines()}
    assert marks["c ≤ 0, inactive or not"] == 75
    assert axes.get_ylabel() == "share of the coefficients (%)"
