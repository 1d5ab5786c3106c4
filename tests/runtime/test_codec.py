"""Which library decodes: each case in a process of its own, where the other can be made to be missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from toc_build.runtime.codec import codec

MISSING = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
"""


def run(missing: set[str], code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MISSING.format(missing=missing) + code],
        capture_output=True,
        text=True,
        check=False,
    )


def test_opencv_where_it_is():
    assert codec.NAME == "OpenCV"


@pytest.mark.parametrize(("missing", "expected"), [(set(), "OpenCV cv2"), ({"cv2"}, "Pillow PIL")])
def test_one_of_the_two_is_loaded(missing, expected):
    code = """
from toc_build.runtime import RequestHandler, letterbox
from toc_build.runtime.codec import codec
print(codec.NAME, *(name for name in ("cv2", "PIL") if name in sys.modules))
"""
    done = run(missing, code)
    assert done.stdout.strip() == expected, done.stderr


def test_neither():
    done = run({"cv2", "PIL"}, "from toc_build.runtime import open_image")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: the scoring runtime decodes images with OpenCV or Pillow")
    assert "conda.yml" in last
    assert "During handling" not in done.stderr


@pytest.mark.parametrize("codec", ["codec_opencv", "codec_pillow"])
def test_a_codec_that_lacks_something_itself_is_not_passed_over(codec):
    """A library that is there and cannot be loaded is a mistake to tell, not a reason to take the other."""
    missing = {"cv2"} if codec == "codec_pillow" else set()
    code = f"""
class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == "toc_build.runtime.{codec}":
            raise ModuleNotFoundError("No module named 'helper'", name="helper")
sys.meta_path.insert(0, Broken())
from toc_build.runtime import open_image
"""
    done = run(missing, code)
    assert done.stderr.strip().splitlines()[-1] == "ModuleNotFoundError: No module named 'helper'"
