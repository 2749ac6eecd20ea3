"""What autocast asks of an operator that PyTorch does not know."""

from __future__ import annotations

import torch
from torch import Tensor


def cast_for_autocast(
    features: Tensor, weight: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """All in autocast's dtype where it is on for their device, else as they are; float64 stays float64."""
    device_type = features.device.type
    if not torch.is_autocast_enabled(device_type) or features.dtype == torch.float64:
        return features, weight, bias
    dtype = torch.get_autocast_dtype(device_type)
    return features.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
