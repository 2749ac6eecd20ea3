"""The table, page and figure of an ablation, from records that nobody has run."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from pathlib import Path

import pytest
from analysis.ablation_made_up import STEPS, ablation, record, records

from ffnet3d.analysis.ablation.jobs import Failure
from ffnet3d.analysis.ablation.page import ablation_page, brief, score_table, write_ablation
from ffnet3d.analysis.ablation.summary import make_table
from ffnet3d.analysis.ablation.variants import choose_variants

VARIANTS = choose_variants(("ffnified", "pooling", "relu"))
TABLE = make_table(STEPS, VARIANTS, records())


def test_rows_stand_by_mean_miou_with_their_spread() -> None:
    assert [row.name for row in TABLE.rows] == ["relu", "ffnified", "pooling"]
    best = TABLE.rows[0]
    assert best.mean("miou") == pytest.approx(0.61)
    assert best.deviation("miou") == pytest.approx(statistics.stdev([0.58, 0.64]))
    assert best.mean("seconds_per_step") == pytest.approx(0.7)


def test_the_printed_row_has_mean_spread_and_the_difference_to_the_marked_base() -> None:
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in score_table(TABLE).splitlines()]
    assert lines[0][:5] == ["variant", "parameters", "mIoU", "vs base", "allAcc"]
    assert lines[2] == [
        "relu", "4,000,000", "61.0 ± 4.2", "+6.0", "81.0 ± 4.2", "50", "0.700", "300", "2",
    ]  # fmt: skip
    assert lines[3][:4] == ["**ffnified** (base)", "4,000,000", "55.0 ± 7.1", ""]
    assert lines[4][3] == "-13.0"


def test_the_difference_to_the_base_is_over_the_seeds_that_both_have() -> None:
    some = [record("ffnified", 0, 0.5), record("relu", 0, 0.6), record("relu", 1, 0.9)]
    table = make_table(STEPS, VARIANTS, some)
    assert table.gain(table.rows[0]) == pytest.approx(0.1)
    alone = make_table(STEPS, VARIANTS, some[1:])
    assert alone.base is None
    assert alone.gain(alone.rows[0]) is None


def test_one_seed_has_no_spread() -> None:
    table = make_table(STEPS, VARIANTS, [record("relu", 0, 0.6)])
    assert table.rows[0].deviation("miou") is None
    assert "| 60.0 |" in score_table(table)


def test_the_best_for_their_cost_are_those_that_none_beats_as_cheaply() -> None:
    assert [row.name for row in TABLE.front("parameters")] == ["pooling", "relu"]
    assert [row.name for row in TABLE.front("seconds_per_step")] == ["pooling", "relu"]
    dear = [replace(each, seconds=100.0) if each.variant == "relu" else each for each in records()]
    front = make_table(STEPS, VARIANTS, dear).front("seconds_per_step")
    assert [row.name for row in front] == ["pooling", "ffnified", "relu"]


def test_the_page_says_what_was_equal_what_failed_and_which_code(tmp_path: Path) -> None:
    failure = Failure("hybrid, 50 steps, seed 1", "hybrid", STEPS, "ValueError: no such mixer")
    page = ablation_page(ablation((failure,)))
    assert "## Equal steps: 50 steps" in page
    assert "## Equal seconds: 40 seconds" in page
    assert "**Failed: 1 training.**" in page
    assert "\n- relu: ReLU in place of GELU\n" in page
    assert "with 2 seeds; a seed" in page
    assert "with 1 seed; a seed" in ablation_page(replace(ablation(), seeds=1))
    assert "*peak MiB* is the largest resident memory of that process" in page
    assert "- hybrid, 50 steps, seed 1: ValueError: no such mixer" in page
    assert page.endswith("Machine: a made-up machine. Code: c0de.\n")
    assert not any("Failed" in part for part in brief(ablation()))
    mixed = ablation()
    rows = mixed.tables[0].rows
    other = replace(rows[0], records=(record("relu", 0, 0.5, code="0ther"),))
    tables = (replace(mixed.tables[0], rows=(other, *rows[1:])),)
    assert "**These records are of 2 versions of the code.**" in ablation_page(replace(mixed, tables=tables))

    files = write_ablation(ablation((failure,)), tmp_path)
    assert [file.name for file in files] == ["ablation.json", "ablation.md"]
    values = json.loads(files[0].read_text())
    row = values["tables"][0]["rows"][0]
    assert (row["variant"], row["parameters"], row["seeds"]) == ("relu", 4_000_000, [0, 1])
    assert row["miou"]["values"] == [0.58, 0.64]
    assert row["above_base"] == pytest.approx(0.06)
    assert values["failed"] == [{"job": "hybrid, 50 steps, seed 1", "reason": "ValueError: no such mixer"}]


def test_a_stopped_ablation_says_how_far_it_came(tmp_path: Path) -> None:
    part = replace(ablation(), missing=6)
    assert "**Stopped: 12 of 18 trainings done.** The same command does the others." in ablation_page(part)
    assert "Stopped" not in ablation_page(ablation())
    assert json.loads(write_ablation(part, tmp_path)[0].read_text())["missing"] == 6


def test_costs_that_hardly_differ_have_few_ticks_on_an_axis_that_shows_it() -> None:
    pytest.importorskip("matplotlib", reason="pip install 'ffnet3d[view]'")
    from ffnet3d.analysis.ablation.figure import make_figure

    near = {"ffnified": 1_122_500, "pooling": 1_127_500}
    made = [replace(each, parameters=near[each.variant]) for each in records() if each.variant in near]
    table = make_table(STEPS, VARIANTS, made)
    axes = make_figure(replace(ablation(), tables=(table,))).axes[1]
    low, high = axes.get_xlim()
    assert (high - low) > 0.1
    assert low < 1.1225 < 1.1275 < high
    assert len([tick for tick in axes.get_xticks() if low <= tick <= high]) <= 5


def test_labels_of_points_side_by_side_lead_away_from_each_other() -> None:
    from ffnet3d.analysis.ablation.figure import label_side

    points = [(1.0, 40.0), (1.1, 40.1), (1.0, 60.0), (9.0, 40.0)]
    sides = [label_side(point, points, width=10.0, height=50.0) for point in points]
    assert sides == ["right", "left", "left", "left"]


def test_the_figure_has_a_line_of_panels_for_each_budget(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pip install 'ffnet3d[view]'")
    from ffnet3d.analysis.ablation.figure import draw

    draw(ablation(), tmp_path / "both.png")
    draw(replace(ablation(), tables=(TABLE,)), tmp_path / "one.png")
    sizes = []
    for name in ("both.png", "one.png"):
        data = (tmp_path / name).read_bytes()
        assert data.startswith(b"\x89PNG")
        sizes.append((int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")))
    assert sizes[0] == (sizes[1][0], 2 * sizes[1][1])
