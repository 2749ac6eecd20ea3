"""How the numbers of a test came about: protocol, data, checkpoint, hardware, versions, code."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ffnet3d.engine.checkpoint_origin import CheckpointOrigin, checkpoint_origin, split_name
from ffnet3d.engine.code_version import code_version
from ffnet3d.engine.config import Config
from ffnet3d.engine.environment import installed_version, processor_name
from ffnet3d.version import __version__

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PACKAGES = ("torch", "numpy", "spconv", "triton")  # where installed: those that compute
PROTOCOLS = {
    "full": "full, votes of all views and fragments",
    "fast": "fast, each voxel predicted once (not the published protocol)",
}


@dataclass(frozen=True)
class Provenance:
    """All that a number of a test depends on."""

    protocol: str  # a key of `PROTOCOLS`
    views: int  # votes of augmented copies of each scene
    dataset: str  # type of data.test, such as "ScanNetDataset"
    split: str
    grid_size: float | None  # metres, of the voxels; None without them
    scenes: int
    points: int  # that got a label
    scored: int  # of them, those whose true label counts
    checkpoint: CheckpointOrigin
    seed: int | None  # of the test's random draws
    device: str  # one, or several that share the scenes
    processes: int
    machines: int
    precision: str
    versions: Mapping[str, str] = field(default_factory=dict)
    code: str = ""  # see `code_version`
    date: str = ""  # UTC, ISO 8601

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Provenance:
        """What `as_dict` made; unknown keys are left out. ValueError naming what is missing."""
        try:
            origin = CheckpointOrigin(**_known(CheckpointOrigin, values["checkpoint"]))
            return cls(**{**_known(cls, values), "checkpoint": origin})
        except (KeyError, TypeError) as error:
            raise ValueError(f"a provenance lacks what it needs ({error}): test again") from error


def describe_test(
    config: Config,
    weight: Path,
    fabric: Fabric,
    *,
    protocol: str,
    views: int,
    scenes: int,
    points: int,
    scored: int,
    devices: Sequence[str],
) -> Provenance:
    """The provenance of a test of `weight` on `config.data.test` that the processes of `fabric` have done.

    protocol: "full" or "fast"; points: labelled by the network; scored: of them, those with a true label;
    devices: what predicted each scene.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol={protocol!r}: choose {' or '.join(PROTOCOLS)}")
    data = config.data.test
    voxelize = (data.get("test_cfg") or {}).get("voxelize") or {}
    return Provenance(
        protocol=protocol,
        views=views,
        dataset=data.type,
        split=split_name(data),
        grid_size=voxelize.get("grid_size"),
        scenes=scenes,
        points=points,
        scored=scored,
        checkpoint=checkpoint_origin(weight, config),
        seed=config.seed,
        device=" and ".join(sorted(set(devices))),
        processes=fabric.world_size,
        machines=getattr(fabric.strategy, "num_nodes", 1),
        precision=precision_name(),
        versions=versions(),
        code=code_version(),
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def one_line(provenance: Provenance) -> str:
    """All of it on one line, to print under scores."""
    return ". ".join(f"{name.capitalize()}: {text}" for name, text in provenance_rows(provenance))


def provenance_rows(provenance: Provenance) -> list[tuple[str, str]]:
    """(name, text) of each fact, for tables."""
    rows = [
        ("protocol", _protocol(provenance)),
        ("data", _data(provenance)),
        ("checkpoint", _checkpoint(provenance.checkpoint)),
        *(("caution", text) for text in cautions(provenance)),
        ("hardware", _hardware(provenance)),
        ("versions", _versions(provenance)),
        ("date", provenance.date.replace("T", " ").replace("+00:00", " UTC")),
    ]
    return [(name, text) for name, text in rows if text]


def cautions(provenance: Provenance) -> list[str]:
    """What makes these numbers better than those of unseen scenes would be, or may; often nothing."""
    origin, scenes = provenance.checkpoint, provenance.scenes
    texts = []
    if origin.chosen_on:
        texts.append(
            f"the checkpoint was chosen by its scores on {origin.chosen_on} of the {scenes} scenes tested "
            "(-w model_last was not)"
        )
    if origin.trained_on:
        texts.append(f"the network was trained on {origin.trained_on} of the {scenes} scenes tested")
    if origin.train_split is None:
        texts.append("where the checkpoint was trained, and how it was chosen, is not known here")
    return texts


def device_name(device: torch.device) -> str:
    """What computes: the GPU's name, or the processor's with the threads that PyTorch uses."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{processor_name()}, {counted(threads, 'thread')} a process"


def precision_name() -> str:
    """float32, and how PyTorch may shorten its matrix products."""
    products = torch.get_float32_matmul_precision()
    return "float32" if products == "highest" else f"float32 with matrix products of {products} precision"


def versions() -> dict[str, str]:
    """Versions of this package, of Python, and of the packages that compute."""
    found = {name: installed_version(name) for name in PACKAGES}
    there = {name: version for name, version in found.items() if version != "not installed"}
    return {"ffnet3d": __version__, **there, "Python": platform.python_version()}


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number with its noun."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def name_some(names: Sequence[str], most: int = 4) -> str:
    """The names, or the first of many and how many there are besides."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _protocol(provenance: Provenance) -> str:
    grid = "" if provenance.grid_size is None else f", voxels of {100 * provenance.grid_size:g} cm"
    protocol = PROTOCOLS.get(provenance.protocol, provenance.protocol)
    return f"{protocol}, {counted(provenance.views, 'view')}{grid}"


def _data(provenance: Provenance) -> str:
    return (
        f"{counted(provenance.scenes, 'scene')} of {provenance.dataset}, split {provenance.split}: "
        f"{counted(provenance.points, 'point')}, {provenance.scored:,} of them scored"
    )


def _checkpoint(origin: CheckpointOrigin) -> str:
    epoch = "" if origin.epoch is None else f", after epoch {origin.epoch}"
    trained = "" if origin.train_split is None else f", trained on split {origin.train_split}"
    seed = "" if origin.seed is None else f" with seed {origin.seed}"
    return f"{origin.file} ({origin.choice}{epoch}{trained}{seed})"


def _hardware(provenance: Provenance) -> str:
    processes = counted(provenance.processes, "process", "processes")
    machines = f" on {provenance.machines} machines" if provenance.machines > 1 else ""
    return f"{processes}{machines}, {provenance.device}, {provenance.precision}"


def _versions(provenance: Provenance) -> str:
    names = [f"{name} {version}" for name, version in provenance.versions.items()]
    return ", ".join([*names, f"code {provenance.code}"])


def _known(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `values` that are fields of the dataclass `kind`."""
    names = {entry.name for entry in dataclasses.fields(kind)}
    return {name: value for name, value in values.items() if name in names}
