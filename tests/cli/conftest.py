"""Real builds in a second: see support.image_fixtures."""

from support.image_fixtures import (  # noqa: F401 - pytest finds fixtures by their names here
    base,
    build,
    bundle,
    make_repository,
    repository,
    settings,
    uv_cache,
    wheelhouse,
)
