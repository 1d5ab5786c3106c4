"""Puts drawings side by side into one picture: how the pictures in `docs/images/` are made.

    toc-build score samples/*.jpg --draw drawn/
    python ../contact_sheet.py drawn/*.png --out ../../docs/images/street-objects.jpg --columns 3

Run where OpenCV is installed, such as the project's environment.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


def contact_sheet(pictures: Sequence[NDArray[np.uint8]], columns: int, row_height: int) -> NDArray[np.uint8]:
    """Rows of pictures, all rows as wide as the widest; no picture is cut or stretched.

    Args:
        pictures: BGR, of any sizes; in reading order.
        columns: how many stand in a row.
        row_height: height of a picture in pixels; its width follows.

    Returns:
        BGR, with a white gap between the pictures.
    """
    gap = 6
    rows = []
    for first in range(0, len(pictures), columns):
        row = []
        for picture in pictures[first : first + columns]:
            size = round(picture.shape[1] * row_height / picture.shape[0]), row_height
            row.append(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
        spaced = [part for p in row for part in (p, np.full((row_height, gap, 3), 255, np.uint8))][:-1]
        rows.append(np.hstack(spaced))
    width = max(row.shape[1] for row in rows)
    sheet = []
    for row in rows:
        left = (width - row.shape[1]) // 2
        padded = np.full((row_height + gap, width, 3), 255, np.uint8)
        padded[:row_height, left : left + row.shape[1]] = row
        sheet.append(padded)
    return np.vstack(sheet)[:-gap]


def main() -> None:
    """Reads the drawings, writes the sheet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--columns", type=int, default=2)
    parser.add_argument("--row-height", type=int, default=360, help="in pixels")
    arguments = parser.parse_args()
    pictures = []
    for path in arguments.pictures:
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None:
            parser.error(f"{path} cannot be read as a picture")
        pictures.append(picture)
    sheet = contact_sheet(pictures, arguments.columns, arguments.row_height)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(arguments.out), sheet, [cv2.IMWRITE_JPEG_QUALITY, 88])
    size = arguments.out.stat().st_size
    print(f"{arguments.out}: {sheet.shape[1]} x {sheet.shape[0]} pixels, {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
