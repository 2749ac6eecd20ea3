"""The results as text: tables and sentences that are computed from them, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from ffnet3d.bench.convolution import PASSES, Place
from ffnet3d.bench.explain import bound_of, explain, percent
from ffnet3d.bench.network import EVALUATIONS, TRAININGS, NetworkRow
from ffnet3d.bench.results import Results, marginal_bytes, ratio_of_sizes
from ffnet3d.bench.roofs import Roofs
from ffnet3d.bench.tables import number, spread, table

FLAT = 1.25  # largest over smallest time per voxel that still counts as flat


def report(results: Results) -> str:
    """Everything, ready to print or to put into a page."""
    return "\n\n".join([*_setting(results), *_body(results)])


def _setting(results: Results) -> Iterator[str]:
    kept = "keeps" if results.keeps_freed_memory else "gives back"
    yield (
        f"Measured by `{results.command}` on:\n\n{results.machine.describe()}\n"
        f"The C library {kept} freed memory. Times are medians of {results.repeats} calls or scenes, "
        "with the fastest and the slowest in brackets."
    )


def _body(results: Results) -> Iterator[str]:
    if results.roofs is not None:
        yield from ["### The machine's roofs", roof_table(results.roofs)]
        yield from ["### Convolutions by level", convolution_table(results, results.roofs)]
        yield from [_about_convolutions(results), "#### Why not more", reasons(results, results.roofs)]
        yield from ["#### Beside other convolutions", peer_table(results), peer_notes(results)]
    if results.pyramids:
        yield from ["### The pyramid", pyramid_table(results)]
    for title, works in (("evaluation", EVALUATIONS), ("training", TRAININGS)):
        names = [work.name for work in works]
        rows = [row for row in results.networks if row.work in names]
        if rows:
            yield from [f"### The whole network: {title}", network_table(rows), verdicts(rows)]
    if results.skipped:
        yield "\n".join(f"- {line}" for line in results.skipped)


def roof_table(roofs: Roofs) -> str:
    """Products by dtype and library, and copies."""
    rows = [
        [
            f"product, {roof.dtype}, {roof.library}",
            f"{roof.flops / 1e9:,.0f} GFLOP/s",
            "x".join(map(str, roof.shape)),
        ]
        for roof in roofs.products
    ]
    rows += [
        ["copy within the caches, read + written", f"{roofs.cached / 1e9:.0f} GB/s", ""],
        ["copy in memory, read + written", f"{roofs.memory / 1e9:.0f} GB/s", ""],
    ]
    return table(["roof", "best", "shape"], rows)


def place_name(place: Place) -> str:
    """As in "level 0, 32 channels"."""
    return f"level {place.level}, {place.channels} channels"


def convolution_table(results: Results, roofs: Roofs) -> str:
    """A row for each place, pass and dtype."""
    rows = []
    for row in results.convolutions:
        bound = bound_of(row, roofs)
        rows.append(
            [
                f"{place_name(row.place)}, {row.dtype}, {row.which}",
                f"{row.voxels:,}",
                f"{row.pairs / row.voxels:.1f}",
                spread(row.timing),
                "" if row.first is None else number(1e3 * row.first),
                f"{row.rate / 1e9:,.0f}",
                percent(bound.of_products),
                percent(bound.of_memory),
            ]
        )
    header = [
        "convolution 3x3x3",
        "voxels",
        "neighbours",
        "ms",
        "first ms",
        "GFLOP/s",
        "of GEMM",
        "of memory",
    ]
    return table(header, rows)


def _about_convolutions(results: Results) -> str:
    return (
        f"{results.convolution_voxels:,} voxels on the finest level. GFLOP/s count present neighbours only "
        "(2 FLOP for each pair, input and output channel), whatever the implementation multiplied. "
        "The same cloud each time; "
        '"first" is one call on a cloud whose pairs were not listed yet. "Of memory" counts each feature, '
        "weight and table entry once."
    )


def reasons(results: Results, roofs: Roofs) -> str:
    """One line for the forward pass of each place and dtype."""
    return "\n".join(
        f"- {place_name(row.place)}, {row.dtype}: {explain(row, roofs)}"
        for row in results.convolutions
        if row.which == PASSES[0]
    )


def peer_table(results: Results) -> str:
    """A row for each place, a column for each implementation and number of threads."""
    columns = list(dict.fromkeys((peer.name, peer.threads) for peer in results.peers))
    places = list(dict.fromkeys(peer.place for peer in results.peers))
    found = {(peer.place, peer.name, peer.threads): peer.timing for peer in results.peers}
    rows = []
    for place in places:
        timings = [found.get((place, *column)) for column in columns]
        rows.append([place_name(place), *["–" if timing is None else spread(timing) for timing in timings]])
    header = [f"{name}, {threads} thread{'s' * (threads != 1)}" for name, threads in columns]
    return table(["forward, fp32, ms", *header], rows)


def peer_notes(results: Results) -> str:
    """What the table compares, the ratios, and who is missing."""
    lines = [
        "The neighbours are known to all of them before. spconv's CPU code is right on one thread only, "
        "and stands beside ours on one."
    ]
    for theirs in ("index_add", "ocnn", "spconv"):
        ratios = _ratios(results, theirs)
        if ratios:
            lines.append(f"{theirs} takes {min(ratios):.2f} to {max(ratios):.2f} times as long as ffnet3d.")
    obstacles = {peer.name: peer.obstacle for peer in results.peers if peer.obstacle}
    lines += [f"{name}: {obstacle}." for name, obstacle in obstacles.items()]
    return "\n".join(lines)


def _ratios(results: Results, theirs: str) -> list[float]:
    """Their time over ours on as many threads, at each place."""
    ours = {(peer.place, peer.threads): peer.timing for peer in results.peers if peer.name == "ffnet3d"}
    pairs = [
        (peer.timing, ours.get((peer.place, peer.threads))) for peer in results.peers if peer.name == theirs
    ]
    return [
        timing.median / other.median for timing, other in pairs if timing is not None and other is not None
    ]


def pyramid_table(results: Results) -> str:
    """A row for each scene."""
    rows = [
        [row.scene, spread(row.total), spread(row.per_voxel, 1e6), f"{row.bytes_per_voxel:,.0f}"]
        for row in results.pyramids
    ]
    return table(["scene", "ms", "ms per 1,000 voxels", "peak bytes per voxel"], rows)


def network_table(rows: list[NetworkRow]) -> str:
    """A row for each work and scene."""
    cells = [
        [
            f"{row.work}; {row.scene}",
            spread(row.total),
            spread(row.per_voxel, 1e6),
            number(1e6 * row.again),
            percent(row.pyramid.median / row.total.median),
            f"{row.peak_bytes / 1e9:.2f}",
            f"{row.bytes_per_voxel:,.0f}",
        ]
        for row in rows
    ]
    header = [
        "work; scene",
        "ms",
        "ms per 1,000 voxels",
        "seen again",
        "pyramid",
        "peak GB",
        "bytes per voxel",
    ]
    return table(header, cells)


def verdicts(rows: list[NetworkRow]) -> str:
    """For each work: is the time per voxel flat, and what does one more voxel cost in memory?"""
    lines = [
        "Every scene is a new one; the geometry is included. Seen again: the same for a scene that had been "
        "there before. Bytes per voxel: what the scenes added to the resident size at its peak, over the "
        "voxels of one."
    ]
    sentences = []
    for work in dict.fromkeys(row.work for row in rows):
        known = [row for row in rows if row.work == work]
        if len({row.voxels for row in known}) > 1:
            sentences.append(f"- {work}: {verdict(known)}")
    return "\n\n".join([*lines, "\n".join(sentences)]).strip()


def verdict(rows: list[NetworkRow]) -> str:
    """One sentence over the sizes of one work."""
    ratio, sizes = ratio_of_sizes(rows), [row.voxels for row in rows]
    added = ", then ".join(f"{more:,.0f}" for more in marginal_bytes(rows))
    flat = "flat within 25 %" if ratio <= FLAT else "not flat within 25 %"
    return (
        f"from {min(sizes):,} to {max(sizes):,} voxels the time per voxel varies by a factor of {ratio:.2f} "
        f"({flat}); one more voxel adds {added} bytes to the peak."
    )
