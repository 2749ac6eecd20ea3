"""The report of a run: what was trained, how well it labels, and three scenes to turn around."""

from ffnet3d.engine.report.page import build_report

__all__ = ["build_report"]
