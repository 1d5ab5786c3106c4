"""The wire of azureml-core, Azure's SDK v1: its services' routes, projected onto the domain.

What it asks for was measured with azureml-core 1.61; the shapes of answers are those that the SDK requires.
"""

from __future__ import annotations

from toc_build.rehearsal.wire.http import Endpoint
from toc_build.rehearsal.wire.v1 import (
    artifacts,
    computes,
    environments,
    models,
    operations,
    packages,
    services,
    signin,
)

ENDPOINTS: tuple[Endpoint, ...] = (
    *signin.ENDPOINTS,
    *artifacts.ENDPOINTS,
    *models.ENDPOINTS,
    *environments.ENDPOINTS,
    *computes.ENDPOINTS,
    *services.ENDPOINTS,
    *operations.ENDPOINTS,
    *packages.ENDPOINTS,
)
