"""What others have published or reported, as facts to set beside our runs. Nothing here was run by us."""

from __future__ import annotations

from dataclasses import dataclass

PAPER = "MetaMixer Is All You Need (arXiv 2406.02021)"


@dataclass(frozen=True)
class Claim:
    """A score that the paper prints, in percent."""

    dataset: str  # folder of configs/
    split: str
    miou: float


@dataclass(frozen=True)
class Spread:
    """How far the scores of one recipe lie apart, as others report it."""

    recipe: str
    published: str
    reported: str
    source: str


CLAIMS = (
    Claim("scannet", "val", 76.1),
    Claim("scannet", "test", 76.5),
    Claim("scannet200", "val", 33.8),
    Claim("scannet200", "test", 34.5),
    Claim("s3dis", "Area_5", 72.6),
    Claim("s3dis", "6-fold", 77.1),
)

SPREADS = (
    Spread("PTv3, S3DIS Area 5", "73.4", "69 to 71.5", "Pointcept issues 154, 394, 453, 455, 534"),
    Spread(
        "PTv2, S3DIS Area 5", "72.6", "68.2 without views; runs clearly apart", "PointTransformerV2 issue 22"
    ),
    Spread("PTv3, ScanNet val", "77.5", "76.8", "PointTransformerV3 issue 11"),
    Spread("PTv3, ScanNet val", "mean 77.3", "standard deviation 0.22 over runs", "PTv3 paper, table 4"),
    Spread("PTv3, ScanNet test", "77.9", "73.6, trained on the training split alone", "Pointcept issue 357"),
)
