"""report.html: one self-contained page that opens offline, and the same pictures as PNG."""

from __future__ import annotations

import base64
import html
import io
import json
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from ffnet3d.data.classes import palette
from ffnet3d.engine.metrics import describe_presence
from ffnet3d.engine.provenance import Provenance, provenance_rows
from ffnet3d.engine.report.colors import UNLABELLED, VIEWS, view_colors
from ffnet3d.engine.report.figures import CUT_HEIGHT, draw_charts, draw_scenes
from ffnet3d.engine.report.results import RunResults, SceneResult, read_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def build_report(folder: Path) -> Path:
    """Write result/report.html, charts.png and scenes.png of the run in `folder`; returns the page."""
    results = read_results(folder)
    target = folder / "result"
    target.mkdir(parents=True, exist_ok=True)
    charts = render(draw_charts(results))
    (target / "charts.png").write_bytes(charts)
    if results.scenes:
        (target / "scenes.png").write_bytes(render(draw_scenes(results)))
    page = target / "report.html"
    page.write_text(fill_page(results, charts), encoding="utf-8")
    return page


def render(figure: Figure) -> bytes:
    """A figure as PNG bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def fill_page(results: RunResults, charts: bytes) -> str:
    """The page's HTML."""
    assets = resources.files("ffnet3d.engine.report")
    return Template(assets.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(f"{results.folder.parent.name}/{results.folder.name}"),
        summary=summary_table(results),
        scenes_table=scenes_table(results),
        legend=legend(results.classes),
        charts=base64.b64encode(charts).decode(),
        cut=CUT_HEIGHT,
        data=embed_json([encode_scene(scene, len(results.classes)) for scene in results.scenes]),
        script=assets.joinpath("viewer.js").read_text(encoding="utf-8"),
    )


def embed_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value).replace("<", "\\u003c")


def summary_table(results: RunResults) -> str:
    """The headline numbers of the test and of the training."""
    rows: list[tuple[str, Any]] = []
    if results.test and not results.has_truth:
        rows.append(("scores", "none: no point of the scenes is labelled"))
    elif results.test:
        scores = results.test["scores"]
        rows += [
            ("mIoU over all classes", f"{scores['mIoU']:.4f}"),
            ("mIoU over the classes present", f"{scores['mIoU_present']:.4f}"),
            ("mAcc", f"{scores['mAcc']:.4f}"),
            ("allAcc", f"{scores['allAcc']:.4f}"),
            ("classes", describe_presence([sum(row) for row in results.test["confusion"]])),
        ]
    if results.test:
        rows += how_tested(results.test)
    if results.train:
        rows += [
            ("training steps", results.train[-1]["step"]),
            ("epochs", results.train[-1]["epoch"]),
            ("training time", f"{sum(line['seconds'] for line in results.train) / 60:.1f} min"),
        ]
    return "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>" for name, value in rows
    )


def how_tested(test: dict[str, Any]) -> list[tuple[str, Any]]:
    """Where the test's numbers come from; results of earlier versions tell checkpoint and views alone."""
    if "provenance" in test:
        return [*provenance_rows(Provenance.from_dict(test["provenance"]))]
    return [("checkpoint", test.get("weight", "")), ("views a scene", test.get("views", ""))]


def scenes_table(results: RunResults) -> str:
    """One row for each tested scene."""
    return "".join(
        f"<tr><td>{html.escape(row['name'])}</td><td>{row['points']:,}</td>"
        f"<td>{row['mIoU_present']:.3f}</td><td>{row['allAcc']:.3f}</td><td>{row['seconds']:.1f}</td></tr>"
        for row in results.test.get("scenes", [])
    )


def legend(classes: list[str]) -> str:
    """Class names with their colours."""
    entries = [*zip(classes, palette(len(classes)), strict=True), ("unlabelled", UNLABELLED)]
    return "".join(
        f'<span class="key"><i style="background:rgb({r},{g},{b})"></i>{html.escape(name)}</span>'
        for name, (r, g, b) in entries
    )


def encode_scene(scene: SceneResult, num_classes: int) -> dict[str, Any]:
    """Positions as 16-bit fractions of the bounding cube and one colour buffer for each view, in base64."""
    low = scene.coord.min(0)
    size = float((scene.coord.max(0) - low).max()) or 1.0
    position = np.round((scene.coord - low) / size * 65535).astype("<u2")
    colors = view_colors(scene, num_classes)
    return {
        "name": scene.name,
        "points": len(scene.coord),
        "position": base64.b64encode(position.tobytes()).decode(),
        "extent": ((scene.coord.max(0) - low) / size).tolist(),
        "colors": {
            view: base64.b64encode(np.ascontiguousarray(colors[view]).tobytes()).decode() for view in VIEWS
        },
    }
