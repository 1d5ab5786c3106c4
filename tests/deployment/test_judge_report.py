from __future__ import annotations

import json
from pathlib import Path

import cv2
from support.model_repository import write_model_repository

from toc_build.contract import load_samples
from toc_build.contract.rounds import Failure, Rounds
from toc_build.deployment.judge_report import write_report
from toc_build.errors import Problem
from toc_build.runtime import Detection

BOX = Detection(xmin=10, xmax=40, ymin=10, ymax=40, label="<b>thing</b>", score=0.5)


def test_a_page_a_picture_and_the_same_as_json(tmp_path: Path) -> None:
    samples = load_samples(write_model_repository(tmp_path / "r") / "samples")
    found = Rounds(
        requests=1,
        failed=1,
        failures=[Failure("two", 1, "sample.iou", "a box <moved>")],
        answers={"two": (BOX,)},
    )
    problem = Problem("TOC-JUDGE-001", "wrong & moved", details="a <line>")
    write_report(tmp_path / "report", samples, found, Rounds(answers={"two": ()}), [problem], {"failed": 1})
    page = (tmp_path / "report" / "index.html").read_text()
    assert "wrong &amp; moved" in page
    assert "a box &lt;moved&gt;" in page
    assert "<img src='two.png'" in page
    assert "http" not in page.replace("http-equiv", "")  # whole without a network
    picture = cv2.imread(str(tmp_path / "report" / "two.png"))
    assert picture.shape == (240 + 28, 3 * 320 + 2 * 8, 3)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["problems"][0]["code"] == "TOC-JUDGE-001"
    (sample,) = report["samples"]
    assert sample["reason"] == "sample.iou: a box <moved>"
    assert (len(sample["expected"]), sample["before"], len(sample["new"])) == (2, [], 1)


def test_a_version_without_a_readable_answer(tmp_path: Path) -> None:
    samples = load_samples(write_model_repository(tmp_path / "r") / "samples")
    write_report(tmp_path / "report", samples, Rounds(), Rounds(), [], {})
    assert "no readable answer of the new version" in (tmp_path / "report" / "index.html").read_text()
    picture = cv2.imread(str(tmp_path / "report" / "two.png"))
    assert picture.shape == (240 + 28, 320, 3)  # what is expected alone
