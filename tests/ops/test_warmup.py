"""The warm-up runs every kind of kernel once, so that each choice is made."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from ops.comparison import device_of

from ffnet3d.ops import available_backends, warm_up


@pytest.mark.skipif(bool(available_backends()["triton"]), reason=available_backends()["triton"])
def test_every_kind_is_chosen_for_every_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    from ffnet3d.ops.triton_backend.configs import candidates

    asked: list[tuple[Any, ...]] = []

    def choose(problem: Any, _: Any) -> Any:
        asked.append((problem.kind, problem.offsets, problem.cin, problem.cout, problem.bits))
        return candidates(problem)[0]

    for module in ("convolution", "depthwise", "weight_gradient"):
        monkeypatch.setattr(f"ffnet3d.ops.triton_backend.{module}.choose", choose)
    warm_up(
        [(27, 6, 8, 20), (1, 8, 4, 40)],
        torch.float32,
        device_of("triton"),
        depthwise=[(27, 8, 20), (25, 8, 20)],
    )
    assert sorted(asked) == sorted(
        [
            *[("forward", 27, 6, 8, 5), ("input gradient", 27, 8, 6, 5), ("weight gradient", 27, 6, 8, 5)],
            *[("forward", 1, 8, 4, 6), ("input gradient", 1, 4, 8, 6), ("weight gradient", 1, 8, 4, 6)],
            *[("depthwise", 27, 8, 8, 5)] * 2,
            ("depthwise weight gradient", 27, 8, 8, 5),
            *[("depthwise", 25, 8, 8, 5)] * 2,
            ("depthwise weight gradient", 25, 8, 8, 5),
        ]
    )


@pytest.mark.skipif(bool(available_backends()["triton"]), reason=available_backends()["triton"])
@pytest.mark.parametrize("offsets", [8, 26, 0])
def test_a_window_that_has_no_centre(offsets: int) -> None:
    with pytest.raises(ValueError, match=f"K must be odd .* got {offsets}"):
        warm_up([(offsets, 8, 8, 10)], device=device_of("triton"))


def test_where_triton_cannot_run() -> None:
    with pytest.raises(ValueError, match="backend 'triton' cannot run here"):
        warm_up([(27, 8, 8, 10)], device="meta")
