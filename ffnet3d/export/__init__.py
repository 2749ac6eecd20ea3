"""Trained networks as files for other programs: ONNX, and the archives of torch.export."""

from ffnet3d.export.archive import export_archive
from ffnet3d.export.network import ExportableNetwork
from ffnet3d.export.onnx_file import export_onnx

__all__ = ["ExportableNetwork", "export_archive", "export_onnx"]
