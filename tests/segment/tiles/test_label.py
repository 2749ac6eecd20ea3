"""Scans of any size: the answer of tiles is that of the whole scan, whatever the tiles."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from segment.tiles.toy_tiles import GRID, CountingSegmenter, ToyScan, torch_segmenter, walls

from ffnet3d.data.normals import estimate_normals
from ffnet3d.segment.points import Points
from ffnet3d.segment.tiles import TileOptions, label_scan, theoretical_reach
from ffnet3d.segment.tiles.label import reach_of
from ffnet3d.segment.tiles.layout import make_layout
from ffnet3d.segment.tiles.spill import BUFFER

WHOLE = TileOptions(whole_up_to=10**9)
REACH = theoretical_reach((2, 2), (3, 3, 3), (3, 3))  # of `torch_segmenter`


def tiled(**options: float) -> TileOptions:
    return TileOptions(whole_up_to=0, **options)


class TestExactness:
    @pytest.mark.parametrize("blend", [0, 0.3, 0.8])
    @pytest.mark.parametrize("tile", [0.8, 2.8, None])
    def test_a_halo_and_blend_within_reach_change_nothing(self, tmp_path: Path, tile: float, blend: float):
        scan, segmenter = ToyScan(walls(2500)), CountingSegmenter()
        whole = label_scan(scan, segmenter, WHOLE, tmp_path)
        options = tiled(tile=tile, halo=0.4 + blend, blend=blend, voxels=700)
        labels = label_scan(scan, segmenter, options, tmp_path)
        assert len(segmenter.sizes) > 3
        np.testing.assert_array_equal(labels.label, whole.label)
        np.testing.assert_allclose(labels.confidence, whole.confidence, rtol=1e-6)

    def test_a_halo_too_narrow_is_noticed(self, tmp_path: Path):
        scan, segmenter = ToyScan(walls(2500)), CountingSegmenter()
        whole = label_scan(scan, segmenter, WHOLE, tmp_path)
        labels = label_scan(scan, segmenter, tiled(tile=1.2, halo=0), tmp_path)
        assert 0.2 < (labels.label != whole.label).mean() < 0.9

    @settings(max_examples=25, deadline=None)
    @given(
        seed=st.integers(0, 2**20),
        shift=st.tuples(*[st.floats(-50, 50)] * 3),
        tile=st.sampled_from([None, 0.4, 0.8, 2.0, 40.0]),
        extra=st.integers(0, 2),
        voxels=st.sampled_from([1, 100, 1000, 10**6]),
    )
    def test_any_scan_anywhere(self, tmp_path_factory, seed, shift, tile, extra, voxels):
        rng = np.random.default_rng(seed)
        points = walls(int(rng.integers(1, 600)), tuple(rng.uniform(0.1, 8, 3)), seed)
        scan = ToyScan(Points((points.coord + np.array(shift)).astype(np.float32), points.color))
        folder, segmenter = tmp_path_factory.getbasetemp(), CountingSegmenter()
        whole = label_scan(scan, segmenter, WHOLE, folder)
        options = tiled(tile=tile, halo=0.4 * (1 + extra), blend=0.4 * extra, voxels=voxels)
        labels = label_scan(scan, segmenter, options, folder)
        np.testing.assert_array_equal(labels.label, whole.label)

    def test_a_network_with_its_whole_reach(self, tmp_path: Path):
        scan, segmenter = ToyScan(walls(2500, (9, 6, 3))), torch_segmenter()
        whole = label_scan(scan, segmenter, WHOLE, tmp_path)
        options = tiled(tile=2.4, halo=REACH * GRID + 0.4, blend=0.4)
        labels = label_scan(scan, segmenter, options, tmp_path)
        np.testing.assert_allclose(labels.confidence, whole.confidence, atol=1e-5)
        assert (labels.label == whole.label).mean() > 0.9999  # the others are ties but for rounding

    def test_normals_given_and_the_means_of_voxels(self, tmp_path: Path):
        points = walls(3000, (4, 4, 3))
        normal = np.random.default_rng(1).normal(size=(3000, 3)).astype(np.float32)
        scan = ToyScan(Points(points.coord, points.color, normal))
        segmenter = torch_segmenter(("color", "normal"))
        whole = label_scan(scan, segmenter, WHOLE, tmp_path)
        labels = label_scan(scan, segmenter, tiled(), tmp_path)
        np.testing.assert_allclose(labels.confidence, whole.confidence, atol=1e-5)

    @pytest.mark.parametrize("tile", [None, 1.6])
    @pytest.mark.parametrize("grid_size", [0.02, 0.1])
    def test_normals_estimated_are_those_of_the_points(self, tmp_path: Path, grid_size: float, tile: float):
        """They are estimated once, before there are tiles."""
        points = walls(20000, (2, 2, 3))
        segmenter = torch_segmenter(("color", "normal"), grid_size=grid_size)
        normal = estimate_normals(points.coord)
        given = ToyScan(Points(points.coord, points.color, normal))
        whole = label_scan(given, segmenter, WHOLE, tmp_path)
        options = tiled(tile=tile, halo=REACH * grid_size, blend=0)
        labels = label_scan(ToyScan(points, needs_normals=True), segmenter, options, tmp_path)
        # Points on the border of two voxels may change sides by rounding.
        assert np.isclose(labels.confidence, whole.confidence, atol=1e-3).mean() > 0.998
        assert (labels.label == whole.label).mean() > 0.999

    def test_normals_estimated_in_boxes_are_of_unit_length(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("ffnet3d.segment.tiles.normals.BUDGET", 3000)
        seen = []
        segmenter = CountingSegmenter()
        count = segmenter.voxel_probabilities
        segmenter.voxel_probabilities = lambda points, cells: (
            seen.append(points.normal),
            count(points, cells),
        )[1]
        scan = ToyScan(walls(9000), needs_normals=True)
        label_scan(scan, segmenter, tiled(halo=0.4, voxels=2000), tmp_path)
        length = np.linalg.norm(np.concatenate(seen), axis=1)
        assert length.max() < 1 + 1e-5
        assert (length > 0.5).mean() > 0.9  # means of normals of several surfaces are shorter


class TestReach:
    def test_of_the_released_network(self):
        assert theoretical_reach((2, 2, 2, 2), (6, 6, 6, 18, 6), (6, 6, 6, 6)) == 384

    @pytest.mark.parametrize(
        ("mixers", "reach"),
        [
            ({}, ((3, 3, 3), (3, 3))),
            ({"enc_ks": 5, "enc_depths": (1, 2, 1)}, ((6, 12, 6), (3, 3))),
            ({"enc_ks": (3, "cross7", "1x1x5"), "dec_ks": ("5x1x3", 1)}, ((3, 9, 6), (6, 0))),
            ({"mixers": "ffnified_depthwise", "channel_mixers": "convnext_depthwise"}, ((3, 3, 3), (3, 3))),
            ({"mixers": "pooling", "channel_mixers": "mlp", "enc_ks": 5}, ((2, 2, 2), (1, 1))),
            (
                {"mixers": ("identity", "convnext", "ffnified"), "channel_mixers": "identity"},
                ((0, 1, 2), (0, 1)),
            ),
            ({"branches": ("strips", "identity"), "enc_ks": 5, "dec_ks": 5}, ((6, 6, 6), (6, 6))),
            ({"mixers": ("convnext", "convnext", "window_attention")}, ((2, 2, None), (2, 2))),
        ],
    )
    def test_a_network_tells_how_far_each_stage_looks(self, mixers: dict, reach: tuple):
        assert torch_segmenter(**mixers).network.reach == reach

    @pytest.mark.parametrize(
        "mixers",
        [
            {},
            {"mixers": ("pooling", "identity", "ffnified"), "enc_ks": (3, 3, 5), "dec_ks": ("cross5", 3)},
            {"mixers": "ffnified_depthwise", "channel_mixers": "mlp", "enc_ks": "5x1x1", "dec_ks": 3},
            {"mixers": "identity", "channel_mixers": "mlp"},
        ],
    )
    def test_one_voxel_beyond_it_changes_nothing_and_within_it_something(self, mixers: dict):
        """A row of voxels behind a cell's face: the last that counts is no farther than the reach."""
        segmenter = torch_segmenter(**mixers)
        reach = reach_of(segmenter.network)
        row = np.arange(4 + 2 * reach)
        cells = np.stack([row, np.zeros_like(row), np.zeros_like(row)], axis=1)
        rng = np.random.default_rng(0)
        features = rng.random((len(row), 3)).astype(np.float32)
        whole = segmenter.network.logits(features, cells)[:4]
        changed = {}
        for cut in range(len(row) - 1, 3, -2):
            part = segmenter.network.logits(features[:cut], cells[:cut])[:4]
            changed[cut - 4] = np.abs(part - whole).max() > 1e-5 * np.abs(whole).max()
        assert not any(seen for beyond, seen in changed.items() if beyond >= reach)
        assert any(seen for beyond, seen in changed.items() if beyond >= reach // 4)

    def test_a_network_that_does_not_tell(self):
        network = SimpleNamespace(strides=(2, 2), reach=((3, 3, 3), (3, 3)))
        assert reach_of(network) == REACH
        assert reach_of(SimpleNamespace(strides=(2, 2), reach=((3, None, 3), (3, 3)))) is None
        assert reach_of(SimpleNamespace(strides=(2, 2))) is None

    @pytest.mark.parametrize("mixer", ["ffnified", "window_attention"])
    def test_without_a_bound_tiles_are_said_to_differ(self, mixer: str, tmp_path: Path, caplog):
        segmenter, scan = (
            torch_segmenter(mixers=("ffnified", "ffnified", mixer), window=16),
            ToyScan(walls(1000)),
        )
        with caplog.at_level("INFO"):
            whole = label_scan(scan, segmenter, WHOLE, tmp_path)
            assert not caplog.messages
            tiles = label_scan(scan, segmenter, tiled(tile=3.2), tmp_path)
        warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        halo = next(text for text in caplog.messages if " tiles, halo " in text)
        if mixer == "ffnified":
            assert not warnings
            assert f"halo {np.ceil(0.2 * REACH / 4) * 4 * GRID:.2f} m" in halo
        else:
            assert "no known bound" in warnings[0]
            assert "may differ from those of the whole scan" in warnings[0]
            assert "halo 1.60 m" in halo  # four coarsest cells
        assert len(tiles.label) == len(whole.label)
        assert tiles.label.min() >= 0


class TestPoints:
    def test_rows_without_a_point_have_no_label(self, tmp_path: Path):
        scan = ToyScan(walls(2000), hidden=(0, 5, 1999))
        for options in (WHOLE, tiled(tile=1.2, halo=0.4)):
            labels = label_scan(scan, CountingSegmenter(), options, tmp_path)
            assert np.flatnonzero(labels.label == -1).tolist() == [0, 5, 1999]
            assert np.flatnonzero(labels.confidence == 0).tolist() == [0, 5, 1999]
            assert labels.label.dtype == np.int16
            assert labels.confidence.dtype == np.float32

    @pytest.mark.parametrize("options", [WHOLE, tiled()])
    def test_a_scan_without_any(self, tmp_path: Path, options: TileOptions):
        empty = ToyScan(walls(3), hidden=(0, 1, 2))
        labels = label_scan(empty, CountingSegmenter(), options, tmp_path)
        assert labels.label.tolist() == [-1, -1, -1]

    def test_a_far_outlier_is_labelled(self, tmp_path: Path):
        points = walls(1000)
        coord = np.concatenate([points.coord, [[9000, -4000, 7]]]).astype(np.float32)
        scan = ToyScan(Points(coord, np.zeros((1001, 3), dtype=np.uint8)))
        labels = label_scan(scan, CountingSegmenter(), WHOLE, tmp_path)
        near = label_scan(ToyScan(Points(coord[:1000])), CountingSegmenter(), tiled(), tmp_path)
        assert labels.label[1000] != -1
        assert len(near.label) == 1000

    def test_many_points_in_few_voxels(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """Runs of a brick in several flushes, read in several blocks, are one brick."""
        monkeypatch.setattr("ffnet3d.segment.tiles.spill.BUFFER", 1500)
        assert BUFFER > 1500
        scan, segmenter = ToyScan(walls(12000, (1.5, 1.5, 1.5))), CountingSegmenter()
        whole = label_scan(scan, segmenter, WHOLE, tmp_path)
        labels = label_scan(scan, segmenter, tiled(tile=0.4, halo=0.8), tmp_path)
        np.testing.assert_array_equal(labels.label, whole.label)


class TestBounds:
    def test_what_the_network_gets_stays_within_the_budget(self, tmp_path: Path):
        segmenter = CountingSegmenter()
        label_scan(ToyScan(walls(8000)), segmenter, tiled(halo=0.4, voxels=900), tmp_path)
        assert max(segmenter.sizes) <= 900
        assert sum(segmenter.sizes) < 4 * 8000

    def test_nothing_stays_in_the_scratch_folder(self, tmp_path: Path):
        labels = label_scan(ToyScan(walls()), CountingSegmenter(), tiled(tile=1.2, halo=0.4), tmp_path)
        assert list(tmp_path.iterdir()) == []
        assert isinstance(labels.label, np.memmap)

    def test_nor_after_an_error(self, tmp_path: Path):
        segmenter = CountingSegmenter()
        segmenter.voxel_probabilities = lambda *_: 1 / 0
        with pytest.raises(ZeroDivisionError):
            label_scan(ToyScan(walls()), segmenter, tiled(tile=1.2, halo=0.4), tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_progress(self, tmp_path: Path):
        bars = []

        class Bar(SimpleNamespace):
            def __init__(self, total, desc, unit, **_):
                super().__init__(total=total, desc=desc, unit=unit, done=0)
                bars.append(self)

            def update(self, count):
                self.done += count

            def __enter__(self):
                return self

            def __exit__(self, *_):
                pass

        segmenter = CountingSegmenter()
        label_scan(ToyScan(walls()), segmenter, tiled(tile=1.2, halo=0.4), tmp_path, Bar)
        assert [(bar.desc, bar.done) for bar in bars] == [
            ("read", 4000),
            ("voxels", 4000),
            ("predict", len(segmenter.sizes)),
        ]
        assert all(bar.done == bar.total for bar in bars)


class TestMistakes:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"halo": -1}, "halo must be a number of metres, not negative, got -1"),
            ({"tile": float("nan")}, "tile must be a number of metres"),
            ({"voxels": 0}, "voxels must be positive"),
            ({"whole_up_to": -1}, "whole_up_to must be a number of points"),
        ],
    )
    def test_options_that_cannot_be(self, options: dict, message: str):
        with pytest.raises(ValueError, match=message):
            TileOptions(**options)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"tile": 0.3},
                r"a tile of 0.3 m is smaller than the network's coarsest cell, 0.4 m: make --tile",
            ),
            ({"halo": 0.4, "blend": 0.5}, r"cannot be blended over 0.5 m with a halo of 0.4 m"),
        ],
    )
    def test_options_that_do_not_fit_the_network(self, tmp_path: Path, options: dict, message: str):
        with pytest.raises(ValueError, match=message):
            label_scan(ToyScan(walls()), CountingSegmenter(), tiled(**options), tmp_path)

    def test_a_disk_that_is_too_small(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10**4))
        with pytest.raises(
            ValueError, match=r"GB of scratch space, .* has 0.00 GB: name a folder .* --scratch"
        ):
            label_scan(ToyScan(walls()), CountingSegmenter(), tiled(), tmp_path)

    def test_a_disk_that_gets_full(self, tmp_path: Path):
        scan = ToyScan(walls())
        full = SimpleNamespace(
            num_points=scan.num_points, bounds=scan.bounds, needs_normals=False, chunks=raise_no_space
        )
        with pytest.raises(ValueError, match=r"is full: name a folder on a larger disk with --scratch"):
            label_scan(full, CountingSegmenter(), tiled(), tmp_path)

    def test_millimetres(self, tmp_path: Path):
        points = walls(100)
        scan = ToyScan(Points((points.coord * 1e7).astype(np.float32), points.color))
        with pytest.raises(ValueError, match=r"are its coordinates in metres\? .* \(--unit"):
            label_scan(scan, CountingSegmenter(), tiled(), tmp_path)


def raise_no_space():
    raise OSError(28, "No space left on device")


def test_a_real_room(tmp_path: Path):
    """Tiles of 1 m of a hallway, whose halo covers the reach."""
    root = os.environ.get("FFNET3D_REALDATA")
    if not root:
        pytest.skip("set FFNET3D_REALDATA to a folder with s3dis/Area_3/hallway_3")
    room = Path(root, "s3dis/Area_3/hallway_3")
    scan = ToyScan(Points(np.load(room / "coord.npy"), np.load(room / "color.npy")))
    segmenter = torch_segmenter(grid_size=0.04)
    whole = label_scan(scan, segmenter, WHOLE, tmp_path)
    labels = label_scan(scan, segmenter, tiled(tile=0.96, halo=REACH * 0.04 + 0.16, blend=0.16), tmp_path)
    assert (labels.label == whole.label).mean() > 0.9999


class TestHalo:
    @pytest.mark.parametrize(
        ("reach", "halo", "cells"),
        [(None, None, 4), (144, None, 2), (384, None, 5), (144, 1.3, 2), (144, 0, 0)],
    )
    def test_its_width(self, reach: int | None, halo: float | None, cells: int):
        bounds = np.array([[0.0, 0, 0], [9, 9, 3]])
        layout = make_layout(bounds, 0.08, 16, TileOptions(halo=halo), reach)
        assert layout.halo == 16 * cells
        assert layout.blend == layout.halo // 4
