"""The generator of river pictures: the same seed, the same picture; the boxes are those of what is seen."""

from __future__ import annotations

import numpy as np
import pytest

PLACE = "river-litter/training/river_images.py"


@pytest.fixture
def river(script):
    return script(PLACE)


def test_the_same_seed_makes_the_same_picture(river):
    first, second = (river.make_picture(7, (320, 240)) for _ in range(2))

    assert (first.bgr == second.bgr).all()
    assert first.litter == second.litter


def test_other_seeds_make_other_pictures(river):
    first, second = (river.make_picture(seed, (320, 240)) for seed in (7, 8))

    assert np.abs(first.bgr.astype(int) - second.bgr).mean() > 3


@pytest.mark.parametrize("size", [(320, 240), (240, 320), (192, 192), (800, 450)])
def test_a_picture_has_the_size_asked_for(river, size):
    made = river.make_picture(3, size)

    assert made.bgr.shape == (size[1], size[0], 3)
    assert made.bgr.dtype == np.uint8


def test_boxes_are_inside_the_picture_and_named(river):
    for seed in range(5):
        made = river.make_picture(seed, (200, 150), pieces=5)
        for piece in made.litter:
            assert piece.label in river.LABELS
            assert 0 <= piece.xmin < piece.xmax <= 200
            assert 0 <= piece.ymin < piece.ymax <= 150


def test_every_label_appears(river):
    labels = {
        piece.label for seed in range(5) for piece in river.make_picture(seed, (200, 150), pieces=6).litter
    }

    assert labels == set(river.LABELS)


def test_as_many_pieces_float_as_are_asked_for_where_there_is_room(river):
    counts = [len(river.make_picture(seed, (200, 150), pieces=2).litter) for seed in range(6)]

    assert counts.count(2) >= 5
    assert river.make_picture(0, (320, 240), pieces=0).litter == ()


def test_a_larger_picture_shows_litter_larger(river):
    def mean_length(size):
        pieces = [p for seed in range(10) for p in river.make_picture(seed, size, pieces=4).litter]
        return np.mean([max(p.xmax - p.xmin, p.ymax - p.ymin) for p in pieces])

    assert mean_length((320, 240)) / mean_length((160, 120)) == pytest.approx(2.0, rel=0.3)


def test_a_box_has_the_edges_of_what_is_seen(river, monkeypatch):
    """A red square on a black river: the box holds every pixel that got red, and no row or column more."""
    monkeypatch.setattr(river, "_disturb_water", lambda *_: None)
    square = np.zeros((240, 240, 4), np.float32)
    square[40:200, 40:200] = (1, 0, 0, 1)
    camera = river.Camera(200, 150, -150.0, 150.0)
    for seed in range(20):
        picture = np.zeros((150, 200, 3), np.float32)
        water = np.ones((150, 200), bool)
        box = river._float(np.random.default_rng(seed), picture, camera, water, square, 0.4, (), 0.3)
        if box is None:
            continue
        xmin, ymin, xmax, ymax = (int(edge) for edge in box)
        red = picture[..., 0] > 0.5
        assert red.any()
        assert not red[:ymin].any()
        assert not red[ymax:].any()
        assert not red[:, :xmin].any()
        assert not red[:, xmax:].any()
        inside = picture[ymin:ymax, xmin:xmax, 0]
        for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
            assert edge.max() > 0.15  # SEEN, dimmed by the light


def test_nothing_floats_on_the_bank(river):
    picture = np.zeros((150, 200, 3), np.float32)
    dry = np.zeros((150, 200), bool)
    camera = river.Camera(200, 150, -150.0, 150.0)
    sprite = np.ones((240, 240, 4), np.float32)

    assert river._float(np.random.default_rng(0), picture, camera, dry, sprite, 0.4, (), 0.3) is None
    assert (picture == 0).all()


@pytest.mark.parametrize("kind", ["LITTER", "DISTRACTORS"])
def test_every_sprite_is_a_picture_with_something_on_it(script, kind):
    sprites = script("river-litter/training/sprites.py")

    for name, (draw, (least, most)) in getattr(sprites, kind).items():
        sprite = draw(np.random.default_rng(5))
        assert sprite.shape == (sprites.CANVAS, sprites.CANVAS, 4), name
        assert sprite.dtype == np.float32, name
        assert 0.01 < (sprite[..., 3] > 0.25).mean() < 0.95, name
        assert 0 < least < most < 1, name


def test_the_command_writes_pictures_and_their_truth(river, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(river, "SIZES", ((160, 120),))
    monkeypatch.setattr("sys.argv", ["river_images.py", "--out", str(tmp_path / "out"), "--count", "2"])

    river.main()

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "river-900000.json",
        "river-900000.png",
        "river-900001.json",
        "river-900001.png",
    ]
    assert "2 pictures" in capsys.readouterr().out
