"""Contact sheets: every picture whole, in its place."""

from __future__ import annotations

import cv2
import numpy as np
import pytest


@pytest.fixture
def sheet(script):
    return script("contact_sheet.py")


def plain(width, height, value):
    return np.full((height, width, 3), value, np.uint8)


def test_pictures_of_a_row_stand_side_by_side_at_one_height(sheet):
    made = sheet.contact_sheet([plain(200, 100, 10), plain(100, 100, 20)], columns=2, row_height=50)

    assert made.shape == (50, 100 + 6 + 50, 3)
    assert (made[:, :100] == 10).all()
    assert (made[:, 106:] == 20).all()


def test_a_shorter_row_is_centred(sheet):
    made = sheet.contact_sheet([plain(80, 80, value) for value in (10, 20, 30)], columns=2, row_height=80)

    assert made.shape == (80 + 6 + 80, 166, 3)
    assert (made[86:, 43:123] == 30).all()
    assert (made[86:, :43] == 255).all()


def test_the_command_writes_the_sheet(sheet, monkeypatch, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "a.png"), plain(64, 48, 99))
    out = tmp_path / "new" / "sheet.jpg"
    monkeypatch.setattr("sys.argv", ["contact_sheet.py", str(tmp_path / "a.png"), "--out", str(out)])

    sheet.main()

    assert cv2.imread(str(out)).shape == (360, 480, 3)
    assert "480 x 360" in capsys.readouterr().out


def test_a_file_that_is_no_picture_is_named(sheet, monkeypatch, tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(b"text")
    monkeypatch.setattr(
        "sys.argv", ["contact_sheet.py", str(tmp_path / "a.png"), "--out", str(tmp_path / "o.jpg")]
    )

    with pytest.raises(SystemExit):
        sheet.main()

    assert "a.png" in capsys.readouterr().err
