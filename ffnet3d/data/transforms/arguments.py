"""Checks of the arguments that configs give to transforms: a ValueError names the argument and its value."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np


def check_probability(name: str, value: Any) -> None:
    """`value` must lie in 0..1."""
    if not (isinstance(value, Real) and 0 <= float(value) <= 1):
        raise ValueError(f"{name} must be a probability between 0 and 1, got {value!r}")


def check_positive(name: str, value: Any) -> None:
    """`value` must be a finite number above 0."""
    if not (isinstance(value, Real) and 0 < float(value) < float("inf")):
        raise ValueError(f"{name} must be a positive number, got {value!r}")


def check_numbers(name: str, value: Any, count: int) -> None:
    """`value` must be a sequence of `count` finite numbers."""
    numbers = isinstance(value, Sequence | np.ndarray) and len(value) == count
    if not numbers or not all(isinstance(v, Real) and np.isfinite(float(v)) for v in value):
        raise ValueError(f"{name} must be {count} numbers, got {value!r}")


def check_interval(name: str, value: Any) -> None:
    """`value` must be two numbers, the lower first."""
    check_numbers(name, value, 2)
    if value[0] > value[1]:
        raise ValueError(f"{name} must be two numbers, the lower first, got {value!r}")


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """`value` must be one of the named choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
