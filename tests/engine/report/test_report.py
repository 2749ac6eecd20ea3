"""The report of a run: read from its folder, drawn, and put on one page."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="pip install 'ffnet3d[view]'")

from ffnet3d.data.classes import S3DIS13, S3DIS13_PALETTE
from ffnet3d.engine.checkpoint_origin import CheckpointOrigin
from ffnet3d.engine.provenance import Provenance
from ffnet3d.engine.report import build_report
from ffnet3d.engine.report.colors import RIGHT, UNLABELLED, WRONG, error_colors, label_colors
from ffnet3d.engine.report.figures import draw_class_iou, new_figure, project
from ffnet3d.engine.report.page import encode_scene
from ffnet3d.engine.report.results import SceneResult, read_results

POINTS = 50
NAME = "Area_5-<lobby>"


def scene(name: str = NAME) -> SceneResult:
    """Points in a box of 4 x 2 x 2 m, some unlabelled, some wrong."""
    rng = np.random.default_rng(0)
    coord = (rng.random((POINTS, 3)) * [4, 2, 2] + [100, 0, 0]).astype(np.float32)
    color = rng.integers(0, 256, (POINTS, 3)).astype(np.uint8)
    segment = rng.integers(-1, 13, POINTS).astype(np.int16)
    return SceneResult(name, coord, color, segment, np.maximum(segment, 0))


def write_metrics(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    steps: list[dict[str, Any]] = [
        {
            "kind": "train",
            "epoch": 1 + step // 4,
            "step": step,
            "loss": 3 / step,
            "lr": [0.1],
            "seconds": 30.0,
        }
        for step in range(1, 9)
    ]
    scores = {"mIoU": 0.1, "mIoU_present": 0.2, "mAcc": 0.3, "allAcc": 0.4, "iou": [0.1] * 13}
    steps += [{"kind": "eval", "epoch": epoch, "step": 4 * epoch, "loss": 2.0, **scores} for epoch in (1, 2)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in steps))


def write_test(folder: Path) -> None:
    confusion = np.diag(np.arange(13))  # the first class is absent
    scores = {"mIoU": 0.5, "mIoU_present": 0.5417, "mAcc": 0.6, "allAcc": 0.75, "iou": [0.0] + [0.5] * 12}
    row = {"name": NAME, "points": 12345, "views": 4, "mIoU_present": 0.5, "allAcc": 0.7, "seconds": 1.0}
    summary = {"classes": S3DIS13, "confusion": confusion.tolist(), "scores": scores, "scenes": [row]}
    shown = folder / "result" / "scenes"
    shown.mkdir(parents=True)
    text = json.dumps({**summary, "weight": "model_best.pth", "views": 4})
    (folder / "result" / "test.json").write_text(text)
    arrays = {key: value for key, value in vars(scene()).items() if key != "name"}
    np.savez(shown / f"{NAME}.npz", **arrays)


def embedded(page: str) -> list[dict[str, Any]]:
    """The scenes in the page's JSON."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    scenes: list[dict[str, Any]] = json.loads(found[1])
    return scenes


def test_the_page_holds_all_results_and_nothing_from_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "demo" / "first"
    write_metrics(folder)
    write_test(folder)
    file = build_report(folder)
    assert file == folder / "result" / "report.html"
    page = file.read_text()
    rows = {"mIoU over the classes present": "0.5417", "training steps": "8", "training time": "4.0 min"}
    for name, value in rows.items():
        assert f"<tr><th>{name}</th><td>{value}</td></tr>" in page
    assert "<title>demo/first</title>" in page
    assert "<td>Area_5-&lt;lobby&gt;</td><td>12,345</td>" in page
    assert all(name in page for name in S3DIS13)
    assert not re.search(r'(src|href)="(?!data:)|https?://', page)
    assert [entry["name"] for entry in embedded(page)] == [NAME]
    for picture in ("charts.png", "scenes.png"):
        assert (folder / "result" / picture).read_bytes().startswith(b"\x89PNG")
    assert base64.b64encode((folder / "result" / "charts.png").read_bytes()).decode() in page


def test_the_page_says_where_the_numbers_come_from(tmp_path: Path) -> None:
    write_test(tmp_path)
    page = build_report(tmp_path).read_text()
    assert "<th>checkpoint</th><td>model_best.pth</td>" in page
    assert "<th>classes</th><td>12 of 13 classes present: mIoU over all 13 can reach 92.3 %</td>" in page
    provenance = Provenance(
        protocol="full",
        views=4,
        dataset="S3DISDataset",
        split="Area_5",
        grid_size=0.02,
        scenes=68,
        points=12345,
        scored=12000,
        checkpoint=CheckpointOrigin("model_best.pth", "best of 2 evaluations on split Area_5", chosen_on=68),
        seed=1,
        device="<GPU>",
        processes=2,
        machines=1,
        precision="float32",
    )
    file = tmp_path / "result" / "test.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "provenance": provenance.as_dict()}))
    page = build_report(tmp_path).read_text()
    for row in (
        "<th>protocol</th><td>full, votes of all views and fragments, 4 views, voxels of 2 cm</td>",
        "<th>checkpoint</th><td>model_best.pth (best of 2 evaluations on split Area_5)</td>",
        "<th>caution</th><td>the checkpoint was chosen by its scores on 68 of the 68 scenes tested",
        "<th>hardware</th><td>2 processes, &lt;GPU&gt;, float32</td>",
    ):
        assert row in page


@pytest.mark.parametrize("trained", [True, False])
def test_a_run_without_a_test_has_a_report_too(tmp_path: Path, trained: bool) -> None:
    folder = tmp_path / "run"
    if trained:
        write_metrics(folder)
    page = build_report(folder).read_text()
    assert embedded(page) == []
    assert ("training steps" in page) == trained
    assert "allAcc</th><td>" not in page
    assert not (folder / "result" / "scenes.png").exists()


def test_results_are_read_back(tmp_path: Path) -> None:
    write_metrics(tmp_path)
    write_test(tmp_path)
    results = read_results(tmp_path)
    assert [len(results.train), len(results.evaluations), len(results.scenes)] == [8, 2, 1]
    assert results.classes == list(S3DIS13)
    for key, value in vars(scene()).items():
        np.testing.assert_array_equal(getattr(results.scenes[0], key), value)


def test_the_four_views_colour_points_by_what_they_show() -> None:
    np.testing.assert_array_equal(
        label_colors(np.array([0, 12, -1]), 13), [S3DIS13_PALETTE[0], S3DIS13_PALETTE[12], UNLABELLED]
    )
    labels = SceneResult(
        "s",
        np.zeros((3, 3), np.float32),
        np.zeros((3, 3), np.uint8),
        np.array([1, 1, -1], np.int16),
        np.array([1, 2, 2], np.int16),
    )
    np.testing.assert_array_equal(error_colors(labels), [RIGHT, WRONG, UNLABELLED])


def test_positions_survive_the_page_to_a_tenth_of_a_millimetre() -> None:
    original = scene()
    encoded = encode_scene(original, 13)
    position = np.frombuffer(base64.b64decode(encoded["position"]), "<u2").reshape(-1, 3) / 65535
    low = original.coord.min(0)
    size = (original.coord.max(0) - low).max()
    np.testing.assert_allclose(position * size + low, original.coord, atol=1e-4)
    np.testing.assert_allclose(np.array(encoded["extent"]) * size, original.coord.max(0) - low, rtol=1e-6)
    colors = np.frombuffer(base64.b64decode(encoded["colors"]["input"]), np.uint8).reshape(-1, 3)
    np.testing.assert_array_equal(colors, original.color)


def test_a_scene_of_one_point_has_a_place() -> None:
    arrays = {key: value[:1] for key, value in vars(scene()).items() if key != "name"}
    encoded = encode_scene(SceneResult("dot", **arrays), 13)
    assert (encoded["points"], encoded["extent"]) == (1, [0, 0, 0])


def test_only_classes_that_the_test_has_seen_are_drawn(tmp_path: Path) -> None:
    write_test(tmp_path)
    axes = new_figure(4, 4).add_subplot()
    draw_class_iou(axes, read_results(tmp_path))
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert sorted(names) == sorted(S3DIS13[1:])


def test_the_view_from_above_is_an_orthographic_one() -> None:
    coord = np.array([[0.0, 0, 0], [0, 0, 1]])
    position, nearness = project(coord)
    np.testing.assert_allclose(position[1] - position[0], [0, np.cos(1.0)], atol=1e-12)
    assert nearness[1] > nearness[0]  # what is higher hides what is below
