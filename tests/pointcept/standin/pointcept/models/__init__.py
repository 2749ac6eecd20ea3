from .builder import build_model
from .default import DefaultSegmentor
from .modules import PointModule

__all__ = ["DefaultSegmentor", "PointModule", "build_model"]
