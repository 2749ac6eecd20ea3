"""Records of areas: sums, scores, and the files that Pointcept writes and reads."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ffnet3d.engine.metrics import ConfusionMatrix
from ffnet3d.engine.records import COUNTS, Record, read_record, sum_records, write_record


def counts(**changes: Any) -> dict[str, Any]:
    """A record's three arrays, some of them replaced."""
    made = {"intersection": [2, 0, 1], "union": [4, 3, 1], "target": [3, 0, 1]}
    return {name: np.array(values) for name, values in made.items()} | changes


@st.composite
def labels(draw: st.DrawFn) -> tuple[int, torch.Tensor, torch.Tensor]:
    """Classes, predictions and truth, where -1 is unlabelled and some classes are absent."""
    classes = draw(st.integers(1, 6))
    pairs = draw(st.lists(st.tuples(st.integers(0, classes - 1), st.integers(-1, classes - 1)), max_size=40))
    table = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)
    return classes, table[:, 0], table[:, 1]


@given(labels(), st.integers(0, 40))
def test_summed_records_score_as_the_confusion_matrix_of_all_points(
    case: tuple[int, torch.Tensor, torch.Tensor], cut: int
) -> None:
    classes, prediction, truth = case
    whole, parts = ConfusionMatrix(classes), []
    whole.update(prediction, truth)
    for part in (slice(None, cut), slice(cut, None)):
        confusion = ConfusionMatrix(classes)
        confusion.update(prediction[part], truth[part])
        parts.append(Record.from_confusion(confusion.matrix))
    ours, theirs = sum_records(parts).scores(), whole.scores()
    assert ours.support == theirs.support
    for name in ("miou", "miou_present", "macc", "allacc", "iou", "acc"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), abs=1e-12)


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    record = Record(**counts())
    write_record(tmp_path / "new" / "Area_1.pth", record)
    again = read_record(tmp_path / "new" / "Area_1.pth")
    for name in COUNTS:
        assert getattr(again, name).dtype == np.int64
        np.testing.assert_array_equal(getattr(again, name), counts()[name])


def test_the_file_is_what_pointcepts_script_adds_up(tmp_path: Path) -> None:
    write_record(tmp_path / "Area_1.pth", Record(**counts()))
    info = torch.load(tmp_path / "Area_1.pth", weights_only=False)
    total = np.zeros(3, dtype=int)
    total += info["intersection"]
    assert total.tolist() == [2, 0, 1]
    assert float(np.mean(info["intersection"] / (info["union"] + 1e-10))) == pytest.approx(0.5)


@pytest.mark.parametrize("package", ["numpy.core", "numpy._core"])
def test_arrays_of_either_numpy_are_read(package: str, tmp_path: Path) -> None:
    here, there = tmp_path / "here.pth", tmp_path / "there.pth"
    torch.save(counts(), here)
    with zipfile.ZipFile(here) as source, zipfile.ZipFile(there, "w") as target:
        for name in source.namelist():
            data = re.sub(rb"numpy\._?core", package.encode(), source.read(name))
            assert name != "here/data.pkl" or f"c{package}.multiarray\n_reconstruct".encode() in data
            target.writestr(name, data)
    assert read_record(there).union.tolist() == [4, 3, 1]


@pytest.mark.parametrize("form", [torch.tensor, np.array, lambda values: np.array(values, dtype=np.float64)])
def test_tensors_and_arrays_are_read(form: Any, tmp_path: Path) -> None:
    torch.save({name: form(values.tolist()) for name, values in counts().items()}, tmp_path / "Area_1.pth")
    assert read_record(tmp_path / "Area_1.pth").target.tolist() == [3, 0, 1]


@pytest.mark.parametrize(
    ("held", "text"),
    [
        (counts(union=np.array([4, 3])), r"are of \[\(2,\), \(3,\)\]: they must be alike"),
        (counts(union=np.ones((3, 1))), r"union is of \(3, 1\), not one number for each class"),
        (counts(target=np.array([3, -1, 1])), "target holds the negative count -1"),
        (counts(union=np.array([4, 2.5, 1])), "union holds values that are no whole numbers"),
        (counts(union=np.array([4, np.nan, 1])), "union holds values that are no whole numbers"),
        (counts(intersection=np.array([4, 0, 1])), "class 0 has intersection 4, more than its target of 3"),
        (counts(union=np.array([4, 3, 0])), "class 2 has target 1, more than its union of 0"),
        ({"intersection": np.zeros(3)}, "holds intersection, not intersection, union, target"),
        (counts(area=np.zeros(3)), "holds intersection, union, target, area, not"),
        (np.zeros(3), "holds ndarray, not intersection, union, target"),
    ],
)
def test_what_is_no_record_is_named_with_its_file(held: Any, text: str, tmp_path: Path) -> None:
    file = tmp_path / "Area_4.pth"
    torch.save(held, file)
    with pytest.raises(ValueError, match=rf"Area_4\.pth.*{text}.*test that area again"):
        read_record(file)


class Harmful:
    def __reduce__(self) -> Any:
        return os.mkdir, ("harmed",)


def test_nothing_in_a_file_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(counts(union=Harmful()), "Area_1.pth")
    with pytest.raises(ValueError, match=r"Area_1\.pth is truncated, or holds more than the counts"):
        read_record(Path("Area_1.pth"))
    assert not Path("harmed").exists()


def test_missing_and_truncated_files_are_named(tmp_path: Path) -> None:
    file = tmp_path / "Area_1.pth"
    with pytest.raises(ValueError, match=r"there is no record .*Area_1\.pth"):
        read_record(file)
    write_record(file, Record(**counts()))
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"Area_1\.pth is truncated"):
        read_record(file)


def test_records_of_other_classes_do_not_add_up() -> None:
    with pytest.raises(ValueError, match="records of 3 and 2 classes do not add up"):
        Record(**counts()) + Record(*np.ones((3, 2), dtype=int))
