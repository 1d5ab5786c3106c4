"""What the contract's tests share: samples of coloured blobs, and the contract run against one scorer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.contract_samples import write_samples
from support.contract_scorer import LABELS, MAX_PIXELS, MAX_REQUEST_BYTES, ColourBlobs, serving

from toc_build.contract import ContractReport, Sample, load_samples, run_contract


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    folder = tmp_path_factory.mktemp("contract") / "samples"
    write_samples(folder)
    return load_samples(folder, labels=LABELS)


@pytest.fixture
def hold(tmp_path: Path, samples: list[Sample]) -> Callable[..., ContractReport]:
    """Serve a scorer of this class and run the contract; keywords replace those of `run_contract`."""

    def run(kind: type[ColourBlobs], **changed: Any) -> ContractReport:
        temp_dir = tmp_path / "scorer-tmp"
        temp_dir.mkdir(exist_ok=True)
        with serving(kind(temp_dir)) as uri:
            asked = {
                "labels": LABELS,
                "samples": samples,
                "max_request_bytes": MAX_REQUEST_BYTES,
                "max_pixels": MAX_PIXELS,
                "temp_dir": temp_dir,
                "timeout": kind.timeout,
            }
            return run_contract(uri, **{**asked, **changed})

    return run
