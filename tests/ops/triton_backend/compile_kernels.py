"""Compile what the triton backend would launch on a GPU, without one, and print what each kernel takes of it.

A program of its own, since Triton's decorators decide once whether kernels are interpreted or compiled. The
host's code runs with tensors on the CPU, but each launch is compiled for the named targets instead of made.

    python compile_kernels.py 80 90 [--all]        the default tile sizes, or all that tuning would try

prints a JSON list of {kernel, arch, precision, config, registers, stack, shared}, the last two in bytes;
a stack means that registers were spilled.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

os.environ.pop("TRITON_INTERPRET", None)

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from ffnet3d.ops.triton_backend import convolution, depthwise, depthwise_kernels, kernels, weight_gradient
from ffnet3d.ops.triton_backend.configs import Config, Problem, candidates

os.environ["TRITON_INTERPRET"] = "1"  # the host's code then takes tensors on the CPU

# Bits of the number of rows, offsets, Cin, Cout: stem, fine and coarse levels, channels that fill no tile.
STEM, FINE, MIDDLE, COARSE, RAGGED = (
    *((17, 125, 6, 32), (17, 27, 32, 32), (15, 27, 64, 64)),
    *((10, 27, 512, 512), (15, 27, 48, 96)),
)
PROBLEMS = (
    (torch.bfloat16, "ieee", (STEM, FINE, MIDDLE, COARSE, RAGGED)),
    (torch.float16, "ieee", (FINE,)),
    (torch.float32, "ieee", (STEM, MIDDLE, COARSE)),
    (torch.float32, "tf32", (MIDDLE, COARSE)),
)
TYPES = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16", torch.int32: "i32"}
ALIGNED = [["tt.divisibility", 16]]  # to 16 bytes, or a multiple of 16
OPTIONS = ("num_warps", "num_stages", "enable_fp_fusion")


class Compiler:
    """Compiles launches for all targets, each variant once, and keeps what they take."""

    def __init__(self, targets: Sequence[int], all_configs: bool) -> None:
        self.targets = targets
        self.all_configs = all_configs
        self.bits = 0
        self.current: dict[str, Any] = {}
        self.reports: dict[str, dict[str, Any]] = {}

    def choose(self, problem: Problem, run: Any) -> Config:
        """In place of the tuner: launch the candidates for as many rows as are pretended."""
        configs = candidates(dataclasses.replace(problem, bits=self.bits))
        for config in configs if self.all_configs else configs[:1]:
            self.current = {"precision": problem.precision, "config": str(config)}
            run(config)
        return configs[0]

    def compile(self, kernel: Any, arguments: dict[str, Any], constants: dict[str, Any]) -> None:
        options = {name: constants.pop(name) for name in OPTIONS if name in constants}
        signature, values, hints = {}, {}, {}
        for place, name in enumerate(kernel.arg_names):
            value = (arguments | constants)[name]
            specialized = not kernel.params[place].do_not_specialize
            if isinstance(value, torch.Tensor):
                signature[name] = "*" + TYPES[value.dtype]
                hints[(place,)] = ALIGNED
            elif name in constants or value is None or (value == 1 and specialized):
                signature[name], values[name] = "constexpr", value
            else:
                signature[name] = "i32"
                if specialized and value % 16 == 0:
                    hints[(place,)] = ALIGNED
        for arch in self.targets:
            key = f"{kernel.__name__} {arch} {signature} {values} {hints} {options}"
            if key not in self.reports:
                source = ASTSource(kernel, signature, values, hints)
                compiled = triton.compile(source, GPUTarget("cuda", arch, 32), options)
                self.reports[key] = {
                    "kernel": kernel.__name__,
                    "arch": arch,
                    **self.current,
                    **usage(compiled),
                }


class Launcher:
    """Stands in for a kernel."""

    def __init__(self, kernel: Any, compiler: Compiler) -> None:
        self.kernel, self.compiler = kernel, compiler

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        def launch(*arguments: Any, **constants: Any) -> None:
            named = dict(zip(self.kernel.arg_names, arguments, strict=False))
            self.compiler.compile(self.kernel, named, constants)

        return launch


def usage(compiled: Any) -> dict[str, int]:
    """Registers, bytes of stack (where spilled ones go) and of shared memory of a compiled kernel."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(compiled.asm["cubin"])
        file.flush()
        tool = triton.knobs.nvidia.cuobjdump.path
        text = subprocess.run(
            [tool, "-res-usage", file.name], capture_output=True, text=True, check=True
        ).stdout
    found = {name: int(re.search(rf"{name}:(\d+)", text).group(1)) for name in ("REG", "STACK")}
    return {"registers": found["REG"], "stack": found["STACK"], "shared": compiled.metadata.shared}


def launch_everything(compiler: Compiler) -> None:
    """Forward and backward, dense and depthwise, in every precision."""
    for module in (convolution, depthwise, weight_gradient):
        module.choose = compiler.choose
    for module in (kernels, depthwise_kernels):
        for name, kernel in list(vars(module).items()):
            if isinstance(kernel, triton.JITFunction) and not name.startswith("_"):
                setattr(module, name, Launcher(kernel, compiler))
    for dtype, precision, shapes in PROBLEMS:
        torch.backends.cuda.matmul.fp32_precision = precision
        for shape in shapes:
            launch_shape(compiler, dtype, *shape)


def launch_shape(
    compiler: Compiler, dtype: torch.dtype, bits: int, offsets: int, cin: int, cout: int
) -> None:
    """One convolution of each kind with its gradients, on a table of lone voxels."""
    compiler.bits = bits
    neighbors = torch.full((20, offsets), 20, dtype=torch.int32)
    neighbors[:, offsets // 2] = torch.arange(20)
    features, grad = torch.zeros(20, cin, dtype=dtype), torch.zeros(20, cout, dtype=dtype)
    weight, bias = torch.zeros(offsets, cin, cout, dtype=dtype), torch.zeros(cout, dtype=dtype)
    convolution.convolve(features, weight, bias, neighbors, "gelu")
    convolution.input_gradient(grad, weight, neighbors)
    weight_gradient.dense_weight_gradient(features, grad, neighbors)
    if (bits, offsets, cin, cout) == MIDDLE:
        depthwise.convolve_depthwise(grad, weight[:, 0], bias, neighbors, "gelu")
        weight_gradient.depthwise_weight_gradient(grad, grad, neighbors)


def main() -> None:
    options = set(sys.argv[1:])
    compiler = Compiler(sorted(int(arch) for arch in options - {"--all"}), "--all" in options)
    launch_everything(compiler)
    json.dump(list(compiler.reports.values()), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
