"""The line of an export."""

from __future__ import annotations

import io
import sys

import pytest

from ffnet3d.export.steps import steps

pytest.importorskip("tqdm", reason="needs ffnet3d[train]")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_told_what_goes_on(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with steps("model.onnx", 2) as begin:
        begin("tracing")
        begin("converting")
    said = sys.stderr.getvalue()
    assert "model.onnx: tracing (step 1 of 2, 00:00 so far)" in said
    assert "model.onnx: converting (step 2 of 2" in said
    assert said.rpartition("\r")[0].rpartition("\r")[2].strip() == ""  # and the line goes when all is done


def test_a_file_is_not(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with steps("model.onnx", 1) as begin:
        begin("tracing")
    assert sys.stderr.getvalue() == ""


def test_without_tqdm_there_is_no_line(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with steps("model.onnx", 1) as begin:
        begin("tracing")
    assert sys.stderr.getvalue() == ""
