"""What `image -> signed_by` demands, and how a refusal is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cosign import make_keys, put_cosign, sign
from support.engine import Registry
from support.image_layouts import make_image
from support.repository_files import DEPLOY, write_repository

from toc_build.errors import ImageError, RepositoryError
from toc_build.image import BuiltImage
from toc_build.image.demand import SignatureDemand
from toc_build.image.registry import push
from toc_build.image.registry.client import Connection
from toc_build.image.registry.name import ImageName
from toc_build.repository import load


@pytest.fixture
def image(tmp_path: Path) -> BuiltImage:
    return make_image(tmp_path / "image", [{"a": b"1"}], "demanded:1")


@pytest.fixture
def root(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model repository that demands a signature, beside the key pairs `ours` and `theirs`."""
    monkeypatch.setenv("PATH", put_cosign(tmp_path / "bin"))
    block = f"image:\n  repository: {registry.address}/demanded/{tmp_path.name}\n  signed_by: ours.pub\n"
    root = write_repository(tmp_path / "r", deploy=f"{DEPLOY}{block}")
    for name in ("ours", "theirs"):
        make_keys(root / name)
    return root


def demand_of(root: Path) -> SignatureDemand:
    found = SignatureDemand.of(load(root))
    assert found is not None
    return found


def pushed(image: BuiltImage, root: Path) -> ImageName:
    name = ImageName.parse(demand_of(root).repository_name or "")
    with Connection(name, push=True) as line:
        return push(image, line).name


def test_nothing_is_demanded_where_nothing_is_said(tmp_path: Path) -> None:
    assert SignatureDemand.of(load(write_repository(tmp_path / "r"))) is None


def test_only_a_signature_of_that_key_is_taken(image: BuiltImage, root: Path) -> None:
    demand, lines = demand_of(root), []
    with pytest.raises(ImageError, match="is not signed with ours") as caught:
        demand.check_built(image, lines.append)
    assert caught.value.code == "TOC-IMAGE-063"
    assert "no signatures found" in str(caught.value)
    assert "image -> signed_by" in str(caught.value)

    name = pushed(image, root)
    sign(str(name), root / "theirs.key")
    with pytest.raises(ImageError, match="is not signed with ours"):
        demand.check_named(str(name), None)

    sign(str(name), root / "ours.key")
    demand.check_built(image, lines.append)
    demand.check_named(str(name), None)
    assert lines == [f"checking the signature of {name}"] * 2


def test_a_signature_of_another_image_is_none_of_this(image: BuiltImage, root: Path, tmp_path: Path) -> None:
    name = pushed(image, root)
    sign(str(name), root / "ours.key")
    other = pushed(make_image(tmp_path / "other", [{"a": b"2"}], "demanded:2"), root)
    with Connection(other, push=True) as line:  # somebody hangs that signature beside it
        tags = [found.digest.replace(":", "-") + ".sig" for found in (name, other) if found.digest]
        url = line.path("manifests", tags[0])
        kind = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
        signature = line.request("GET", url, ok={200}, headers={"Accept": kind["Content-Type"]})
        line.request(
            "PUT", line.path("manifests", tags[1]), ok={201}, content=signature.content, headers=kind
        )

    with pytest.raises(ImageError, match="is not signed with ours"):
        demand_of(root).check_named(str(other), None)


def test_nobody_said_where_signatures_are(image: BuiltImage, tmp_path: Path) -> None:
    root = write_repository(tmp_path / "r", deploy=f"{DEPLOY}image:\n  signed_by: ours.pub\n")

    with pytest.raises(ImageError, match="in which registry") as caught:
        demand_of(root).check_built(image, lambda _line: None)

    assert caught.value.code == "TOC-IMAGE-064"


def test_a_tag_is_no_image(root: Path) -> None:
    with pytest.raises(ImageError, match="named by a tag") as caught:
        demand_of(root).check_named("example.azurecr.io/a:1", "deploy.yml:9 targets -> aci -> image")

    assert "targets -> aci -> image" in str(caught.value)


def test_a_vaults_key_is_handed_on_and_a_file_is_the_repositorys(tmp_path: Path) -> None:
    root = write_repository(tmp_path / "r", deploy=f"{DEPLOY}image:\n  signed_by: azurekms://v/k\n")
    assert demand_of(root).key == "azurekms://v/k"

    (root / "deploy.yml").write_text(f"{DEPLOY}image:\n  signed_by: ../ours.pub\n")
    with pytest.raises(RepositoryError, match="leaves the model repository"):
        load(root)
