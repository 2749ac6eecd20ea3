"""What is printed and written: every figure has its row, every claim its sentence, a page keeps its prose."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from bench.made_up import RESULTS, ROOFS, convolution, network, timing

from ffnet3d.bench.explain import bound_of, explain
from ffnet3d.bench.page import BEGIN, END, check_page, write_results
from ffnet3d.bench.profile import Parts
from ffnet3d.bench.report import report
from ffnet3d.bench.results import marginal_bytes, ratio_of_sizes
from ffnet3d.bench.tables import number, spread, table


def test_the_factors_multiply_to_the_fraction_of_the_roof() -> None:
    row = convolution()
    bound = bound_of(row, ROOFS)
    assert bound.of_products == pytest.approx(row.flops / 0.01 / 2e11)
    assert bound.products * bound.present * bound.rate == pytest.approx(bound.of_products)
    assert bound.present == pytest.approx(10 / 27)
    assert bound.of_memory == pytest.approx(row.least_bytes / 0.01 / 2e10)


def test_the_largest_loss_is_named_first() -> None:
    sentence = explain(convolution(), ROOFS)
    assert sentence == (
        "1 % of the GEMM roof, 0 % of the memory's. The products, 32 channels wide over 1,000 voxels "
        "(370 pairs an offset), reach 6 % of the roof; 63 % of the multiplied work is zeros, missing "
        "neighbours; 50 % of the time is not products: moving rows 30 %, adding up 15 %, "
        "calls and allocation 5 %."
    )
    good = convolution(parts=Parts(0.9, 0.1, 0, 0, 20_480_000), seconds=20_480_000 / 1.8e11)
    assert explain(good, ROOFS).endswith("memory's. 10 % of the time is not products: moving rows 10 %.")
    rounded = convolution(parts=Parts(0.9, 0.1, 0, 0, 30_000_000), seconds=20_480_000 / 1.2e11)
    assert "32 % of the multiplied work is zeros, rows that round up the products" in explain(rounded, ROOFS)


def test_the_report_has_versions_and_every_row() -> None:
    text = report(RESULTS)
    for part in (
        "`ffnet3d bench --sizes 20000,100000`",
        "Abacus 9, 4 cores, 2 threads, 8 GiB; avx2; PyTorch's kernels: AVX2.",
        "ffnet3d 0.1.0, torch 2.13.0, spconv not installed, Python 3.11.7, Linux.",
        "The C library keeps freed memory.",
        "| product, fp32, ours                    | 200 GFLOP/s |",
        "| copy in memory, read + written         |     20 GB/s |",
        "| level 0, 32 channels, fp32, forward         |  1,000 |       10.0 | 10.0 (9.00–11.0) |     20.0 |",
        "| level 0, 32 channels, fp32, weight gradient |  1,000 |       10.0 | 10.0 (9.00–11.0) |          |",
        "- level 0, 32 channels, fp32: 1 % of the GEMM roof",
        "| level 0, 32 channels |   10.0 (9.00–11.0) |     25.0 (22.5–27.5) |               – |",
        "index_add takes 2.50 to 2.50 times as long as ffnet3d.",
        "spconv takes 1.50 to 1.50 times as long as ffnet3d.",
        "ocnn: ocnn is not usable: No module named 'ocnn'.",
        "| 20,000 voxels | 5.00 (4.50–5.50) |    0.20 (0.18–0.22) |                1,000 |",
        "| forward, fp32; 100,000 voxels | 2,200 (1,980–2,420) |    22.0 (19.8–24.2) |       20.0 |",
        "from 20,000 to 100,000 voxels the time per voxel varies by a factor of 1.10 (flat within 25 %); "
        "one more voxel adds 10,000 bytes to the peak.",
        "| training step, fp32; 20,000 voxels |",
        "- training step, fp32; 500,000 voxels: not run, for want of about 30 GB",
    ):
        assert part in text, part


def test_growth_is_told() -> None:
    rows = [network(20_000, 2e-5, 10**9), network(100_000, 3e-5, 2 * 10**9)]
    assert ratio_of_sizes(rows) == pytest.approx(1.5)
    assert marginal_bytes(rows) == [10**9 / 80_000]
    assert "a factor of 1.50 (not flat within 25 %)" in report(replace(RESULTS, networks=tuple(rows)))


def test_what_was_not_asked_for_has_no_section() -> None:
    text = report(replace(RESULTS, roofs=None, convolutions=(), peers=(), networks=(), skipped=()))
    assert [line for line in text.splitlines() if line.startswith("#")] == ["### The pyramid"]


def test_tables_align_and_numbers_are_short() -> None:
    assert table(["a", "bb"], [["x", "1"], ["long", "22"]]) == (
        "| a    | bb |\n| ---- | -: |\n| x    |  1 |\n| long | 22 |"
    )
    assert [number(value) for value in (0.1234, 12.34, 1234.5)] == ["0.12", "12.3", "1,234"]
    assert spread(timing(0.5)) == "500 (450–550)"


def test_files_are_written_and_prose_is_kept(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pip install 'ffnet3d[view]'")
    page = tmp_path / "performance.md"
    page.write_text(f"# Ours\n\nBefore.\n\n{BEGIN}\nold figures\n{END}\n\nAfter.\n")
    files = write_results(RESULTS, tmp_path)
    assert [file.name for file in files] == ["performance.json", "performance.png", "performance.md"]
    text = page.read_text()
    assert text.startswith(f"# Ours\n\nBefore.\n\n{BEGIN}\n")
    assert text.endswith(f"{END}\n\nAfter.\n")
    assert "old figures" not in text
    assert report(RESULTS) in text
    assert (tmp_path / "performance.png").read_bytes().startswith(b"\x89PNG")
    data = json.loads((tmp_path / "performance.json").read_text())
    assert data["machine"]["versions"]["torch"] == "2.13.0"
    assert data["networks"][1]["per_voxel"]["median"] == 2.2e-5
    write_results(RESULTS, tmp_path)
    assert page.read_text() == text


def test_a_folder_without_a_page_gets_one(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pip install 'ffnet3d[view]'")
    write_results(replace(RESULTS, roofs=None, networks=()), tmp_path / "new")
    assert (tmp_path / "new" / "performance.md").read_text().startswith(f"# Performance\n\n{BEGIN}\n")


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("My own words.\n")
    with pytest.raises(ValueError, match=r"performance\.md lacks the lines"):
        write_results(RESULTS, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["performance.md"]
    assert page.read_text() == "My own words.\n"


def test_a_folder_that_cannot_be_made_is_refused_first(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        ValueError, match=r"--out .*file/page cannot be made \(Not a directory\): name another"
    ):
        check_page(tmp_path / "file" / "page")
