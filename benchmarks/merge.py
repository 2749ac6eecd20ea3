"""What merging and fusing save: the same outputs, and the time of a pass before and after.

Each network has its norms and biases drawn at random (a fresh network's do nothing), and the same scene goes
through it as trained, merged (branches in one kernel), and fused (batch norms and activations folded too), in
alternating rounds.

    python benchmarks/merge.py --voxels 20000 --threads 1
    python benchmarks/merge.py --plot merge.png
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ffnet3d.bench.measure import Timing, describe_machine, seconds_of
from ffnet3d.bench.scenes import Rooms, as_batch
from ffnet3d.models import Submanifold, create_model, fuse, merge
from ffnet3d.models.branches import BRANCHES
from ffnet3d.registry import require
from ffnet3d.segment.torch_network import find_backbone

NETWORKS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "ffnet3d-dw": ("ffnet3d-dw", {}),
    "ffnet3d-dw, all branches": ("ffnet3d-dw", {"branches": BRANCHES}),
    "ffnet3d-tiny, all branches": ("ffnet3d-tiny", {"branches": BRANCHES}),
    "ffnet3d-lite": ("ffnet3d-lite", {}),
}
FORMS: Mapping[str, Callable[[nn.Module], nn.Module]] = {
    "as trained": lambda model: model,
    "merged": merge,
    "fused": fuse,
}


@dataclass(frozen=True)
class Row:
    """One network in its three forms."""

    network: str
    parameters: tuple[int, ...]  # of each form
    errors: tuple[float, ...]  # largest deviation of the logits, over the largest logit as trained
    timings: tuple[Timing, ...]  # of a pass, the pyramid at hand


def shaken(model: nn.Module) -> nn.Module:
    """The network in evaluation mode, with norms and biases that do something."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.normal_(module.get_buffer("running_mean"), std=0.1)
            nn.init.uniform_(module.get_buffer("running_var"), 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
        elif isinstance(module, Submanifold) and module.bias is not None:
            nn.init.normal_(module.bias, std=0.1)
    return model.eval()


@torch.inference_mode()
def measure(name: str, batch: dict[str, Tensor], repeats: int) -> Row:
    """The row of one network."""
    preset, overrides = NETWORKS[name]
    torch.manual_seed(0)
    model = shaken(create_model(preset, **overrides))
    forms = [make(model) for make in FORMS.values()]
    given = {**batch, "pyramid": find_backbone(model).build_pyramid(batch)}
    logits = [form(given)["seg_logits"] for form in forms]
    seconds = [[seconds_of(partial(form, given)) for form in forms] for _ in range(repeats)]
    return Row(
        name,
        tuple(sum(parameter.numel() for parameter in form.parameters()) for form in forms),
        tuple(float((out - logits[0]).abs().max() / logits[0].abs().max()) for out in logits),
        tuple(Timing.of(times) for times in zip(*seconds, strict=True)),
    )


def as_table(rows: list[Row]) -> str:
    """A line of Markdown for each network and form."""
    lines = ["| network | form | parameters | deviation | ms a pass (min-max) | time over as trained |"]
    lines.append("|---|---|---:|---:|---:|---:|")
    for row in rows:
        for form, count, error, timing in zip(FORMS, row.parameters, row.errors, row.timings, strict=True):
            low, middle, high = (1e3 * t for t in (timing.minimum, timing.median, timing.maximum))
            lines.append(
                f"| {row.network} | {form} | {count:,} | {error:.1e} | {middle:.0f} ({low:.0f}-{high:.0f}) "
                f"| {timing.median / row.timings[0].median:.2f} |"
            )
    return "\n".join(lines)


def plot(rows: list[Row], file: Path, title: str) -> None:
    """Bars of a pass in each form, with the range of the rounds."""
    require("matplotlib", "view")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    axes = figure.subplots()
    for index, form in enumerate(FORMS):
        timings = [row.timings[index] for row in rows]
        middle = [1e3 * timing.median for timing in timings]
        spread = [
            [1e3 * (timing.median - timing.minimum) for timing in timings],
            [1e3 * (timing.maximum - timing.median) for timing in timings],
        ]
        places = [place + 0.27 * (index - 1) for place in range(len(rows))]
        axes.bar(places, middle, width=0.25, yerr=spread, capsize=3, label=form)
    axes.set_xticks(range(len(rows)), [row.network.replace(", ", "\n") for row in rows])
    axes.set(ylabel="ms a pass, pyramid at hand", title=title, ylim=(0, 1.3 * axes.get_ylim()[1]))
    axes.legend(loc="upper right", ncols=len(FORMS))
    figure.savefig(file, dpi=110)


def main() -> None:
    """Print the table, and draw it where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voxels", type=int, default=20_000, help="of the scene, about")
    parser.add_argument("--repeats", type=int, default=7, help="rounds of all forms")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--plot", type=Path, help="PNG file to write")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    batch = as_batch(Rooms(arguments.voxels).voxels(0))
    rows = [measure(name, batch, arguments.repeats) for name in NETWORKS]
    threads = "1 thread" if arguments.threads == 1 else f"{arguments.threads} threads"
    title = f"demo rooms, {len(batch['feat']):,} voxels, {threads}"
    print(f"{title}; median of {arguments.repeats} alternating rounds\n\n{as_table(rows)}\n")
    print(describe_machine().describe())
    if arguments.plot is not None:
        plot(rows, arguments.plot, f"A pass of the network: {title}")


if __name__ == "__main__":
    main()
