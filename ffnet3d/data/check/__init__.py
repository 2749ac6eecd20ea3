"""Checks a root of scene folders before it is trained on: what is there, what is broken, what looks wrong."""

from ffnet3d.data.check.report import json_report, text_report
from ffnet3d.data.check.root import RootCheck, check_root

__all__ = ["RootCheck", "check_root", "json_report", "text_report"]
