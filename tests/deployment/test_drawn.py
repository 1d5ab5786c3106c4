from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from toc_build.deployment.drawn import drawing_paths, write_drawing
from toc_build.errors import ScoreError
from toc_build.runtime import Detection

ONE, TWO = Path("a/one.jpg"), Path("b/one.jpg")


def test_without_draw_nothing_is_drawn() -> None:
    assert drawing_paths([ONE], None) == {}


def test_one_image_goes_to_the_named_file() -> None:
    assert drawing_paths([ONE], Path("out.png")) == {ONE: Path("out.png")}


def test_several_go_into_a_folder_without_overwriting_each_other() -> None:
    assert drawing_paths([ONE, TWO], Path("out")) == {ONE: Path("out/one.png"), TWO: Path("out/one-2.png")}


def test_a_folder_that_is_there_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "v1.0").mkdir()
    assert drawing_paths([ONE], tmp_path / "v1.0") == {ONE: tmp_path / "v1.0" / "one.png"}


def test_several_into_one_file_is_refused() -> None:
    with pytest.raises(ScoreError) as caught:
        drawing_paths([ONE, TWO], Path("out.png"))
    assert caught.value.code == "TOC-SCORE-009"


@pytest.mark.parametrize("draw", ["", "one.png", "link/"])
def test_a_drawing_never_takes_the_place_of_a_picture(tmp_path: Path, draw: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(ScoreError) as caught:
        drawing_paths([tmp_path / "one.png"], tmp_path / draw)
    assert caught.value.code == "TOC-SCORE-013"


def test_the_drawing_differs_from_the_image_where_the_box_is(tmp_path: Path) -> None:
    image = np.full((200, 300, 3), 128, np.uint8)
    place = tmp_path / "deep" / "out.png"
    posted = cv2.imencode(".png", image)[1].tobytes()
    write_drawing(posted, [Detection(xmin=100, xmax=200, ymin=80, ymax=150, label="cup", score=0.9)], place)
    drawn = cv2.imread(str(place))
    assert drawn.shape == image.shape
    changed = np.argwhere((drawn != image).any(axis=2))
    assert changed[:, 1].min() >= 90
    assert changed[:, 1].max() <= 215
    assert (drawn[110, 150] == 128).all(), "the inside of a box stays visible"


def test_a_drawing_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    posted = cv2.imencode(".png", np.zeros((20, 20, 3), np.uint8))[1].tobytes()
    (tmp_path / "file").write_text("")
    with pytest.raises(ScoreError) as caught:
        write_drawing(posted, [], tmp_path / "file" / "out.png")
    assert caught.value.code == "TOC-SCORE-011"
    with pytest.raises(ScoreError) as caught:
        write_drawing(posted, [], tmp_path / "out.doc")
    assert caught.value.code == "TOC-SCORE-012"
    with pytest.raises(ScoreError) as caught:
        write_drawing(b"no image", [], tmp_path / "out.png")
    assert caught.value.code == "TOC-SCORE-010"
