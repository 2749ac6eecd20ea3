"""Archives of torch.export (.pt2): the same network for programs that have PyTorch, but not ffnet3d."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import nn

from ffnet3d.atomic import write_atomic
from ffnet3d.export.prepared import prepare
from ffnet3d.export.steps import steps
from ffnet3d.export.trial import Floats, Run, check_against
from ffnet3d.segment.recipe import Recipe

METADATA = "ffnet3d.json"
"""Name, within the archive, of what the metadata of an ONNX file hold: one JSON object of strings."""


def export_archive(
    segmentor: nn.Module, recipe: Recipe, out: str | Path, condition: str | None = None
) -> float:
    """Write a segmentor as the archive `out` of torch.export; returns the largest difference of its logits.

    The archive is loaded and run on two clouds before it takes its name. Arguments and errors are those of
    `ffnet3d.export.export_onnx`.
    """
    out = Path(out)
    difference = 0.0
    with steps(out.name, 3) as begin:
        begin("tracing the network")
        prepared = prepare(segmentor, recipe, condition)
        extra = {METADATA: json.dumps(prepared.about.as_strings())}

        def write(file: BinaryIO) -> None:
            nonlocal difference
            begin("writing the archive")
            torch.export.save(prepared.program, file, extra_files=extra)
            file.flush()
            begin("running the file beside PyTorch")
            difference = check_against(prepared.trials, _runner(file.name), str(out))

        write_atomic(out, write)
    return difference


def _runner(file: str) -> Run:
    """The archive as PyTorch runs it after reading it again."""
    with open(file, "rb") as stream:
        network = torch.export.load(stream).module()

    def run(features: Floats, tables: Mapping[str, Any]) -> Floats:
        tensors = {name: torch.from_numpy(table) for name, table in tables.items()}
        with torch.inference_mode():
            logits: Floats = network(torch.from_numpy(features), tensors).numpy()
        return logits

    return run
