"""What the figure shows, from results made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="pip install 'ffnet3d[view]'")

from ffnet3d.analysis.robustness.figure import draw, make_figure
from ffnet3d.analysis.robustness.page import build_page, drop_table, severity_table
from ffnet3d.analysis.robustness.record import Measurement
from ffnet3d.analysis.robustness.result import RunResult


def measurement(corruption: str, severity: int, miou: float) -> Measurement:
    scores = {"mIoU": miou, "iou": [miou] * 10}
    return Measurement(corruption, severity, 0.1 * severity, scores, 1.0, {})


def result(name: str, clean: float, curves: Mapping[str, Sequence[float]]) -> RunResult:
    measured = [
        measurement(corruption, severity, miou)
        for corruption, mious in curves.items()
        for severity, miou in enumerate(mious, 1)
    ]
    scenes = ("room_1", "room_2")
    return RunResult(
        name, "model_best.pth", "test", scenes, 0, measurement("clean", 0, clean), tuple(measured), {}
    )


FIRST = result("first", 0.8, {"noise": (0.8, 0.6), "dropout": (0.4, 0.4)})
SECOND = result("second", 0.5, {"noise": (0.5, 0.25)})
NOTHING = result("nothing", 0.0, {"noise": (0.0, 0.0)})
UNLEARNT = result("unlearnt", 0.09, {"noise": (0.3, 0.01)})  # of 10 classes: below chance


def test_drops_are_shares_of_the_clean_miou() -> None:
    assert FIRST.drop("noise") == pytest.approx(0.125)
    assert FIRST.drop("dropout") == pytest.approx(0.5)
    assert FIRST.mean_drop() == pytest.approx(0.3125)
    assert FIRST.mean_drop(["noise"]) == pytest.approx(0.125)
    assert SECOND.mean_drop(["noise", "dropout"]) is None


def test_below_chance_there_is_no_drop_and_page_and_figure_say_so() -> None:
    assert UNLEARNT.drop("noise") is None
    assert NOTHING.mean_drop() is None
    assert result("chance", 0.1, {"noise": (0.05,)}).mean_drop() == pytest.approx(0.5)
    rows = [cells(line) for line in drop_table([FIRST, UNLEARNT]).split("\n")]
    assert rows[2] == ["noise", "12.50", "–"]
    assert rows[-2] == ["mean corruption drop", "12.50", "–"]
    told = "for unlearnt: its clean mIoU, 9.00 %, is below chance level, 10.00 % with 10 classes."
    assert told in build_page([FIRST, UNLEARNT], "figure.png")
    assert "No drop is given" not in build_page([FIRST, SECOND], "figure.png")
    drops = make_figure([FIRST, UNLEARNT]).axes[2]
    assert [text.get_text() for text in drops.texts] == ["12.5", "–"]
    assert [bar.get_height() for bar in drops.patches] == pytest.approx([12.5, 0])
    assert drops.get_xlabel() == "–: clean mIoU below chance level"


def test_one_scene_is_no_scenes() -> None:
    one = replace(FIRST, scenes=("room_1",))
    assert "model_best.pth, 1 scene of data.test (room_1), seed 0." in build_page([one], "figure.png")
    assert "model_best.pth, 2 scenes of data.test" in build_page([FIRST], "figure.png")


def cells(line: str) -> list[str]:
    """The cells of a line of a Markdown table."""
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_tables_compare_only_what_all_runs_have() -> None:
    rows = [cells(line) for line in drop_table([FIRST, SECOND]).split("\n")]
    assert rows[0] == ["corruption", "first", "second"]
    assert rows[2:] == [
        ["noise", "12.50", "25.00"],
        ["dropout", "50.00", "–"],
        ["mean corruption drop", "12.50", "25.00"],
        ["clean mIoU", "80.00", "50.00"],
    ]
    assert cells(severity_table(FIRST).split("\n")[-1]) == ["mean", "80.00", "60.00", "50.00", "31.25"]


def test_each_panel_has_a_curve_and_a_clean_line_for_each_run() -> None:
    figure = make_figure([FIRST, SECOND])
    noise, dropout, drops = (axes for axes in figure.axes if axes.axison)
    assert [axes.get_title() for axes in (noise, dropout, drops)] == [
        "coordinate noise (m)",
        "points dropped (share)",
        "mean corruption drop",
    ]
    curves = {line.get_label(): list(line.get_ydata()) for line in noise.get_lines()}
    assert curves == {
        "first, clean": [80, 80],
        "first": [80, 80, 60],
        "second, clean": [50, 50],
        "second": [50, 50, 25],
    }
    assert [line.get_label() for line in dropout.get_lines()] == ["first, clean", "first", "second, clean"]
    assert noise.get_xlabel() == "severity, and its level"
    assert noise.get_ylabel() == "mIoU (%)"
    assert [bar.get_height() for bar in drops.patches] == pytest.approx([12.5, 25])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(curves)


def test_a_figure_is_written_even_of_a_network_that_is_never_right(tmp_path: Path) -> None:
    draw([NOTHING], tmp_path / "out" / "figure.png")
    assert (tmp_path / "out" / "figure.png").read_bytes().startswith(b"\x89PNG")
