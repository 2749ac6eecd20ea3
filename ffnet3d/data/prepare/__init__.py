"""Raw data sets to scene folders: `prepare` runs the jobs that a data set's module lists and makes."""

from ffnet3d.data.prepare.job import Make, Options, Prepared, SceneJob
from ffnet3d.data.prepare.run import Outcome, Summary, prepare

__all__ = ["Make", "Options", "Outcome", "Prepared", "SceneJob", "Summary", "prepare"]
