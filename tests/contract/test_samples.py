from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from support.contract_scorer import LABELS

from toc_build.contract.images import GIF, jpeg, png, truncated, with_orientation
from toc_build.contract.samples import load_samples
from toc_build.errors import RepositoryError

PIXELS = np.random.default_rng(1).integers(0, 255, (40, 60, 3), dtype=np.uint8)
RED = {"xmin": 5, "xmax": 20, "ymin": 6, "ymax": 30, "label": "red", "score": 0.9}


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "samples"
    found.mkdir()
    return found


def expect(folder, name, document):
    text = document if isinstance(document, str) else json.dumps(document)
    (folder / f"{name}.json").write_text(text, encoding="utf-8")


def problems(folder):
    with pytest.raises(RepositoryError) as caught:
        load_samples(folder, labels=LABELS)
    return caught.value.problems


def test_samples_are_loaded_by_name_with_size_as_displayed(folder):
    (folder / "b.JPG").write_bytes(with_orientation(jpeg(PIXELS), 6))
    (folder / "a.png").write_bytes(png(PIXELS))
    (folder / "notes.txt").write_text("left alone", encoding="utf-8")
    (folder / ".hidden.json").write_text("left alone", encoding="utf-8")
    expect(folder, "a", [RED, {**{k: RED[k] for k in RED if k != "score"}, "label": "blue"}])
    first, second = load_samples(folder, labels=LABELS)
    assert (first.name, first.width, first.height) == ("a", 60, 40)
    assert [(d.label, d.score) for d in first.expected] == [("red", 0.9), ("blue", None)]
    assert (second.name, second.width, second.height, second.expected) == ("b", 40, 60, None)
    assert second.read() == (folder / "b.JPG").read_bytes()


def test_an_empty_list_is_an_expectation_and_a_byte_order_mark_is_none_of_our_business(folder):
    (folder / "a.png").write_bytes(png(PIXELS))
    (folder / "a.json").write_bytes(b"\xef\xbb\xbf[]")
    assert load_samples(folder)[0].expected == ()


def test_a_missing_or_empty_folder_has_no_samples(tmp_path, folder):
    assert load_samples(folder) == []
    assert load_samples(tmp_path / "nowhere") == []


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "samples").write_text("", encoding="utf-8")
    assert [p.code for p in problems(tmp_path / "samples")] == ["TOC-TEST-001"]


def test_every_mistake_is_told_at_once_with_place_and_remedy(folder):
    (folder / "twice.png").write_bytes(png(PIXELS))
    (folder / "twice.jpg").write_bytes(jpeg(PIXELS))
    expect(folder, "nobody", [RED])
    (folder / "gif.png").write_bytes(GIF)
    (folder / "short.png").write_bytes(truncated(png(PIXELS)))
    for name, document in (
        ("comma", '[\n  {"xmin": 1,},\n]'),
        ("nan", '[{"xmin": NaN}]'),
        ("dict", {"detections": [RED]}),
        ("outside", [RED, {**RED, "xmax": 61}]),
        ("label", [{**RED, "label": "rde"}]),
        ("score", [{**RED, "score": 90}]),
    ):
        (folder / f"{name}.png").write_bytes(png(PIXELS))
        expect(folder, name, document)
    found = {(p.code, p.where): p for p in problems(folder)}
    assert set(found) == {
        ("TOC-TEST-002", "samples/nobody.json"),
        ("TOC-TEST-003", "samples/twice.png"),
        ("TOC-TEST-004", "samples/gif.png"),
        ("TOC-TEST-005", "samples/short.png"),
        ("TOC-TEST-006", "samples/comma.json:2"),
        ("TOC-TEST-006", "samples/nan.json"),
        ("TOC-TEST-007", "samples/dict.json"),
        ("TOC-TEST-008", "samples/outside.json [1]"),
        ("TOC-TEST-009", "samples/label.json [0]"),
        ("TOC-TEST-007", "samples/score.json [0]"),
    }
    assert all(problem.fix for problem in found.values())
    assert "'red'" in found["TOC-TEST-009", "samples/label.json [0]"].what
    assert "60 x 40" in found["TOC-TEST-008", "samples/outside.json [1]"].fix


@pytest.mark.skipif(sys.platform == "win32", reason="links are made differently there")
def test_a_file_that_cannot_be_read(folder):
    (folder / "a.png").write_bytes(png(PIXELS))
    (folder / "a.json").mkdir()
    found = problems(folder)
    assert [(p.code, p.where) for p in found] == [("TOC-TEST-010", "samples/a.json")]
