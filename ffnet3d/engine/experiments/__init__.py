"""Experiments of several runs: the six folds of S3DIS, seeds, and the page of results."""

from __future__ import annotations

__all__: list[str] = []
