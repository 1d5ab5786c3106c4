"""Writes what a rejected version answered: one page, one picture per sample, the same as JSON.

A picture shows the image as often as there is something to say: with the detections that are expected, those
that the version before answers, and those that the new one answers. `judgement` calls it.
"""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toc_build.deployment.records import write_json
from toc_build.errors import Problem

if TYPE_CHECKING:
    from toc_build.contract.rounds import Rounds
    from toc_build.contract.samples import Sample
    from toc_build.runtime import Detection

LONGEST_SIDE = 640  # pixels of one image in the picture
_STRIP = 28  # pixels, for the words above an image
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:80rem;margin:2rem auto;padding:0 1rem}
img{max-width:100%;border:1px solid #ccc}h2{margin-top:2rem}li{margin:.3rem 0}td{padding:.1rem 1rem .1rem 0}
pre{white-space:pre-wrap;color:#555}.bad{color:#a00}"""


def write_report(
    folder: Path,
    samples: Sequence[Sample],
    found: Rounds,
    beside: Rounds,
    problems: Sequence[Problem],
    figures: Mapping[str, Any],
) -> None:
    """Writes `index.html`, `report.json` and `<sample>.png` into `folder`.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reasons: dict[str, str] = {}
    for failure in found.failures:
        reasons.setdefault(failure.sample, f"{failure.rule}: {failure.reason}")
    entries = []
    for sample in samples:
        answers = {
            "expected": sample.expected,
            "before": beside.answers.get(sample.name),
            "new": found.answers.get(sample.name),
        }
        drawn = _draw(sample, answers, folder / f"{sample.name}.png")
        entries.append(
            {
                "sample": sample.name,
                "picture": f"{sample.name}.png" if drawn else None,
                "reason": reasons.get(sample.name),
                **{
                    name: None if detections is None else [item.as_dict() for item in detections]
                    for name, detections in answers.items()
                },
            }
        )
    entries.sort(key=lambda entry: entry["reason"] is None)
    told = [dataclasses.asdict(problem) for problem in problems]
    write_json(folder / "report.json", {"problems": told, "figures": dict(figures), "samples": entries})
    (folder / "index.html").write_text(_page(problems, figures, entries), encoding="utf-8")


def _draw(sample: Sample, answers: Mapping[str, tuple[Detection, ...] | None], place: Path) -> bool:
    import cv2
    import numpy as np

    from toc_build.drawing import draw_detections
    from toc_build.runtime import UnreadableImage, open_image

    try:
        pixels = open_image(sample.read(), max_pixels=sample.width * sample.height).bgr
    except UnreadableImage:
        return False
    ratio = min(1.0, LONGEST_SIDE / max(pixels.shape[:2]))
    panels = []
    for name, detections in answers.items():
        if detections is None:
            continue
        drawing = draw_detections(pixels, detections)
        if ratio < 1:
            size = max(1, round(pixels.shape[1] * ratio)), max(1, round(pixels.shape[0] * ratio))
            drawing = np.asarray(cv2.resize(drawing, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        strip = np.full((_STRIP, drawing.shape[1], 3), 255, np.uint8)
        words = f"{name}: {len(detections)}"
        cv2.putText(strip, words, (6, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA)
        panels.append(np.vstack([strip, drawing]))
        panels.append(np.full((drawing.shape[0] + _STRIP, 8, 3), 255, np.uint8))
    return bool(panels) and bool(cv2.imwrite(str(place), np.hstack(panels[:-1])))


def _page(
    problems: Sequence[Problem], figures: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]
) -> str:
    lines = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Rejected</title>",
        f"<style>{_STYLE}</style><h1>The new version was rejected</h1><ul>",
    ]
    for problem in problems:
        details = f"<pre>{html.escape(problem.details)}</pre>" if problem.details else ""
        lines.append(f"<li><b>{problem.code}</b> {html.escape(problem.what)}{details}</li>")
    lines.append("</ul><table>")
    lines += [
        f"<tr><td>{html.escape(name.replace('_', ' '))}</td><td>{html.escape(f'{value}')}</td></tr>"
        for name, value in figures.items()
        if name != "samples" and value is not None
    ]
    lines.append("</table>")
    for entry in entries:
        lines.append(f"<h2>{html.escape(entry['sample'])}</h2>")
        if entry["reason"]:
            lines.append(f"<p class='bad'>{html.escape(entry['reason'])}</p>")
        if entry["new"] is None:
            lines.append("<p>There is no readable answer of the new version.</p>")
        if entry["picture"]:
            name = html.escape(entry["picture"], quote=True)
            lines.append(f"<img src='{name}' alt='what is expected, and what is answered'>")
    return "\n".join([*lines, "</html>"]) + "\n"
