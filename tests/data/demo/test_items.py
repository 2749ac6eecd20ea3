"""Furniture and fixtures carry their class, keep to their extent, and look as their class should."""

from __future__ import annotations

import numpy as np
import pytest

from ffnet3d.data.classes import S3DIS13
from ffnet3d.data.demo import clutter, fixtures, furniture
from ffnet3d.data.demo.items import Item, Label
from ffnet3d.data.demo.surfaces import Sampler, join


def sampler(seed: int = 0) -> Sampler:
    return Sampler(0.04, np.random.default_rng(seed))


def points_of(*items: Item) -> np.ndarray:
    return join([surface for item in items for surface in item.surfaces]).points


def test_labels_are_the_classes_of_s3dis():
    assert [label.name.lower() for label in Label] == list(S3DIS13)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["table", "chair", "sofa", "bookcase"])
def test_furniture_stands_on_the_floor_within_its_size(kind, seed):
    draw = sampler(seed)
    item = {
        "table": lambda: furniture.table(draw, 1.4, 0.8, 1.0),
        "chair": lambda: furniture.chair(draw, 1.0),
        "sofa": lambda: furniture.sofa(draw, 2, 1.0),
        "bookcase": lambda: furniture.bookcase(draw, 1.0, 2.0)[0],
    }[kind]()
    points = points_of(item)
    assert item.label.name.lower() == kind
    assert -1e-6 <= points[:, 2].min() < 0.1
    assert points[:, 2].max() == pytest.approx(item.size[2], abs=0.03)
    assert (np.abs(points[:, :2]).max(0) <= np.array(item.size[:2]) / 2 + 0.13).all()


def test_table_top_is_between_chair_seat_and_breast_height():
    heights = [furniture.table(sampler(seed), 1.2, 0.7, 1.0).size[2] for seed in range(10)]
    assert min(heights) > 0.65
    assert max(heights) < 0.85


def test_window_is_behind_the_wall_but_for_its_sill_and_board_before_it():
    window = points_of(fixtures.window(sampler(), 1.4, 0.9, 2.0, 0.25))
    assert (window[window[:, 2] > 1.0][:, 1] <= 1e-9).all()
    assert window[:, 1].max() > 0.07
    board = points_of(fixtures.board(sampler(), 1.6, 0.9, 2.0))
    assert board[:, 1].min() >= -1e-9
    assert board[:, 1].max() < 0.25


def test_glass_returns_few_points():
    window = points_of(fixtures.window(sampler(), 1.4, 0.9, 2.0, 0.25))
    deepest = window[:, 1] <= window[:, 1].min() + 1e-9
    assert 0 < deepest.sum() < 0.6 * 1.4 * 1.1 / 0.04**2


def test_door_reaches_the_floor_and_opens_into_the_room():
    shut, wide = (points_of(fixtures.door(sampler(), 0.9, 2.05, 0.25, is_open)) for is_open in (False, True))
    assert shut[:, 2].min() < 0.06
    assert shut[:, 1].max() < 0.1
    assert wide[:, 1].max() > 0.3


def test_round_column_and_hanging_beam():
    column = points_of(fixtures.column(sampler(), 2.7, rounded=True))
    np.testing.assert_allclose(np.ptp(np.linalg.norm(column[:, :2], axis=1)), 0, atol=1e-9)
    beam = fixtures.beam(sampler(), 4.0, flush=False)
    points = points_of(beam)
    assert points[:, 2].max() <= 1e-9
    assert points[:, 2].min() == pytest.approx(-beam.size[2])


@pytest.mark.parametrize("make", [clutter.table_object, clutter.floor_object, clutter.pendant])
def test_clutter_is_clutter(make):
    for seed in range(8):
        item = make(sampler(seed))
        assert item.label == Label.CLUTTER
        assert len(points_of(item)) > 3


def test_pipe_lies_along_x_with_normals_off_its_axis():
    surface = join(clutter.pipe(sampler(), 3.0).surfaces)
    assert np.ptp(surface.points[:, 0]) > 2.8
    np.testing.assert_allclose(surface.normals[:, 0], 0, atol=1e-12)
    off_axis = surface.points - surface.points.mean(0)
    assert ((off_axis * surface.normals)[:, 1:].sum(1) > 0).mean() > 0.95


def test_small_objects_fit_on_their_shelf():
    for seed in range(12):
        assert clutter.small_object(sampler(seed), 0.3).size[2] <= 0.3
