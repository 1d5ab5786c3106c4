"""What a cloud target is made of, as far as no cloud is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.cosign import put_cosign
from support.model_repository import write_model_repository
from support.targets_bundles import HandMadeBundle

from toc_build.errors import ImageError
from toc_build.repository import load
from toc_build.targets import Version
from toc_build.targets.azure import opening
from toc_build.targets.azure.opening import open_azure_target
from toc_build.targets.azure.target import AzureTarget

UNSIGNED = f"127.0.0.1:9/a@sha256:{'1' * 64}"
DEPLOY = """
image:
  signed_by: ours.pub
azure:
  subscription_id: 00000000-0000-0000-0000-000000000000
  resource_group: rg-ocean
  workspace_name: ws-ocean
"""


class Nobody:
    """A connection that must not be used."""

    def __init__(self, *_arguments: object) -> None: ...

    def call(self, operation: str, **_arguments: object) -> Any:
        pytest.fail(f"Azure was asked: {operation}")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(opening, "Client", Nobody)
    monkeypatch.setenv("PATH", put_cosign(tmp_path / "bin"))
    root = write_model_repository(tmp_path / "r")
    (root / "ours.pub").touch()
    return root


def target(root: Path, image: str) -> AzureTarget:
    text = (root / "deploy.yml").read_text().split("\ntargets:")[0]
    (root / "deploy.yml").write_text(f"{text}\n{DEPLOY}\ntargets:\n  aci:\n    image: {image}\n")
    return open_azure_target("aci", load(root))


@pytest.mark.parametrize(
    ("image", "code"), [(UNSIGNED, "TOC-IMAGE-063"), ("127.0.0.1:9/a:1", "TOC-IMAGE-061")]
)
def test_an_image_that_is_not_signed_stops_a_deploy_before_azure_is_asked(
    root: Path, image: str, code: str
) -> None:
    place = target(root, image)
    bundle = HandMadeBundle(root, "sha256:b")

    with pytest.raises(ImageError) as caught:
        list(place.apply(bundle))
    assert caught.value.code == code
    assert image in str(caught.value)

    with pytest.raises(ImageError) as caught:
        list(place.rollback(Version(digest="sha256:a", settings={"image": image}), bundle))
    assert caught.value.code == code
