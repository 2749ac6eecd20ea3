from torch import nn


class PointModule(nn.Module):
    """What Pointcept's modules descend from."""
