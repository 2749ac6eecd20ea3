"""For the tests of Triton kernels: a cache of their own, and, where no GPU is, a mended interpreter."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from ffnet3d.ops.triton_library import triton_is_interpreted


@pytest.fixture(autouse=True, scope="session")
def _tiles_tuned_in_a_cache_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FFNET3D_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True, scope="session")
def _bfloat16_in_the_interpreter() -> Iterator[None]:
    """Triton 3.9's interpreter keeps bfloat16 as uint16: it multiplies matrices of it as those integers, and
    cuts float32 off to it where a GPU rounds."""
    if importlib.util.find_spec("triton") is None or not triton_is_interpreted():
        yield
        return
    interpreter = importlib.import_module("triton.runtime.interpreter")
    builder, types = interpreter.InterpreterBuilder, interpreter.tl
    dot, cast = builder.create_dot, builder.cast_impl

    def widened(handle: Any) -> Any:
        if handle.dtype.scalar != types.bfloat16:
            return handle
        values = (handle.data.astype(np.uint32) << 16).view(np.float32)
        return interpreter.TensorHandle(values, types.float32)

    def create_dot(self: Any, a: Any, b: Any, *rest: Any) -> Any:
        return dot(self, widened(a), widened(b), *rest)

    def cast_impl(self: Any, source: Any, target: Any) -> Any:
        if (source.dtype.scalar, target.scalar) != (types.float32, types.bfloat16):
            return cast(self, source, target)
        rounded = torch.from_numpy(np.ascontiguousarray(source.data)).bfloat16().view(torch.uint16)
        return interpreter.TensorHandle(rounded.numpy(), target.scalar)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder, "create_dot", create_dot)
        patch.setattr(builder, "cast_impl", cast_impl)
        yield
