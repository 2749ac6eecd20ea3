"""ONNX files: plain operators of the standard, weights and recipe within the file."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import nn

from ffnet3d.atomic import write_atomic
from ffnet3d.export.prepared import Prepared, prepare
from ffnet3d.export.steps import steps
from ffnet3d.export.trace import levels_of_rows
from ffnet3d.export.trial import Floats, Run, check_against
from ffnet3d.registry import require
from ffnet3d.segment.recipe import Recipe

OPSET = 20
"""Of ONNX: the first with Gelu. ONNX Runtime has it since 1.17."""


def export_onnx(segmentor: nn.Module, recipe: Recipe, out: str | Path, condition: str | None = None) -> float:
    """Write a segmentor as the ONNX file `out`; returns the largest difference from PyTorch's logits.

    ONNX Runtime runs the file on two clouds before it takes its name. docs/deploy.md describes inputs and
    metadata. `condition`: see `ExportableNetwork`. On a terminal a line says what goes on.
    Raises ValueError for a segmentor that cannot be exported, a recipe that does not fit it, and logits that
    differ by over 1e-4 of the largest; then there is no new file.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        require(package, "export")
    out = Path(out)
    difference = 0.0
    with steps(out.name, 3) as begin:
        begin("tracing the network")
        prepared = prepare(segmentor, recipe, condition)
        begin("converting to ONNX")
        data: bytes = _to_onnx(prepared).SerializeToString()
        begin("running the file beside PyTorch")

        def write(file: BinaryIO) -> None:
            nonlocal difference
            file.write(data)
            file.flush()
            difference = check_against(prepared.trials, _runner(file.name), str(out))

        write_atomic(out, write)
    return difference


def _to_onnx(prepared: Prepared) -> Any:
    """The ModelProto of a traced network, with its metadata."""
    tables = list(prepared.trials[0].pyramid.tables())
    with _quiet():
        program = torch.onnx.export(
            prepared.program,
            dynamo=True,
            opset_version=OPSET,
            input_names=["features", *tables],
            output_names=["logits"],
            verbose=False,
        )
    assert program is not None  # as with dynamo=True
    model = program.model_proto
    _forget_the_code(model.graph)
    _name_dimensions(model.graph)
    require("onnx", "export").helper.set_model_props(model, prepared.about.as_strings())
    return model


def _forget_the_code(graph: Any) -> None:
    """Drop the exporter's notes: where in the Python code of this machine each node came from."""
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        del part.metadata_props[:]
        part.doc_string = ""


def _name_dimensions(graph: Any) -> None:
    """Call the number of voxels of level L `voxels_L` throughout the graph."""
    rows = {value.name: value.type.tensor_type.shape.dim[0].dim_param for value in graph.input}
    names = {rows["features"]: "voxels_0"}
    names |= {rows[name]: f"voxels_{level}" for name, level in levels_of_rows(rows).items()}
    symbol = re.compile("|".join(rf"\b{re.escape(old)}\b" for old in names))
    for value in (*graph.input, *graph.output, *graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_param = symbol.sub(lambda found: names[found[0]], dim.dim_param)


def _runner(file: str) -> Run:
    """The file as ONNX Runtime runs it."""
    runtime = require("onnxruntime", "export")
    session = runtime.InferenceSession(file, providers=["CPUExecutionProvider"])

    def run(features: Floats, tables: Mapping[str, Any]) -> Floats:
        (logits,) = session.run(["logits"], {"features": features, **tables})
        return np.asarray(logits, dtype=np.float32)

    return run


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's notes on itself; its errors are raised."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
