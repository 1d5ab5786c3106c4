from __future__ import annotations

import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest
from support.runtime_images import every_format, scene, tiff

from toc_build.runtime import TooManyPixels, codec_opencv, open_image

IMAGES = every_format()
RGB = scene()
LIMIT = 1_000_000


def opened(data: bytes):
    return open_image(data, max_pixels=LIMIT)


def test_limit_of_opencv_is_told(monkeypatch):
    monkeypatch.setenv("OPENCV_IO_MAX_IMAGE_PIXELS", "2000")
    with pytest.raises(TooManyPixels, match="OPENCV_IO_MAX_IMAGE_PIXELS"):
        opened(IMAGES["png"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 2**30), ("5000", 5000), ("2KB", 2048), ("3mb", 3 * 2**20), ("nonsense", 2**30), ("MB", 2**30)],
)
def test_limit(monkeypatch, text, expected):
    monkeypatch.setenv("OPENCV_IO_MAX_IMAGE_PIXELS", text)
    assert codec_opencv.limit("PIXELS") == expected


def test_no_memory_is_not_the_client_s_fault(monkeypatch):
    def fail(*_):
        cv2.resize(np.zeros((2, 2, 3), np.uint8), (2**30, 2**9))

    monkeypatch.setattr(cv2, "imdecode", fail)
    with pytest.raises(MemoryError):
        opened(IMAGES["png"])


def test_opencv_says_nothing_and_keeps_its_level():
    """Run in a process of its own, for OpenCV writes to the real stderr."""
    code = """
import cv2
from toc_build.runtime import open_image
module = getattr(cv2.utils, "logging", cv2)
module.setLogLevel(4)
data = open(0, "rb").read()
try:
    open_image(data, max_pixels=10**6)
except ValueError as error:
    print(module.getLogLevel(), error)
"""
    data = tiff(np.dstack([RGB, RGB]), photometric=2)  # six channels
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert done.stdout.startswith(b"4 the TIFF image is broken")
    assert done.stderr == b""


def test_many_threads_put_the_log_level_back():
    module = getattr(cv2.utils, "logging", cv2)
    before = module.getLogLevel()
    threads = [threading.Thread(target=lambda: [opened(IMAGES["png"]) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert module.getLogLevel() == before
