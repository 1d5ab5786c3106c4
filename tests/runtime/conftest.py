"""Both libraries that decode, for the tests of what stands on them."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest

from toc_build.runtime import codec_opencv, codec_pillow


@pytest.fixture(params=[codec_opencv, codec_pillow], ids=["opencv", "pillow"], scope="module")
def codec(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """A test that uses it runs with either; a scope beyond the test's lets Hypothesis use it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("toc_build.runtime.image.codec", request.param)
        patch.setattr("toc_build.runtime.codec.codec", request.param)
        yield request.param
