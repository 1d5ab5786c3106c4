"""`image_sbom`: valid CycloneDX, the same bytes each time, with what is really in the image."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toc_build.bundle import Bundle
from toc_build.errors import ImageError
from toc_build.image import BuiltImage
from toc_build.image.python_packages import python_packages
from toc_build.image.sbom import image_sbom
from toc_build.image.store import ImageStore

Build = Callable[..., BuiltImage]


def document(image: BuiltImage, bundle: Bundle) -> bytes:
    return image_sbom(image, bundle, service="river-litter", store=ImageStore())


def test_it_lists_python_packages_system_packages_and_the_model(build: Build, bundle: Bundle) -> None:
    image = build()
    found = json.loads(document(image, bundle))

    assert found["metadata"]["component"]["name"] == "river-litter"
    assert found["metadata"]["component"]["version"] == image.digest
    purls = {item.get("purl") for item in found["components"]}
    assert "pkg:pypi/numpy@2.3.2" in purls
    assert "pkg:deb/debian/libc6@2.36-9%2Bdeb12u13?arch=amd64&distro=debian-12" in purls
    assert "pkg:deb/debian/libssl3@3.0.17-1?arch=amd64&distro=debian-12&upstream=openssl" in purls
    kinds = {item["type"]: item["name"] for item in found["components"]}
    assert kinds["machine-learning-model"] == "river-litter"


def test_it_is_the_same_each_time_and_has_no_time(build: Build, bundle: Bundle) -> None:
    image = build()

    one, other = document(image, bundle), document(image, bundle)

    assert one == other
    assert "timestamp" not in json.loads(one)["metadata"]


def test_another_image_has_another_serial_number(build: Build, bundle: Bundle) -> None:
    one, other = build(), build(threads=9)

    assert (
        json.loads(document(one, bundle))["serialNumber"]
        != json.loads(document(other, bundle))["serialNumber"]
    )


def test_cyclonedx_finds_it_valid(build: Build, bundle: Bundle) -> None:
    pytest.importorskip("referencing", reason="validation needs jsonschema's newer parts")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(document(build(), bundle).decode())

    assert problem is None


def test_a_cache_that_forgot_says_what_to_do(build: Build, bundle: Bundle, cache: Path) -> None:
    image = build()
    for path in (cache / "images" / "python-packages").iterdir():
        path.unlink()

    with pytest.raises(ImageError) as caught:
        document(image, bundle)

    assert caught.value.code == "TOC-IMAGE-050"


@pytest.mark.parametrize(
    ("fields", "license_"),
    [
        ("License-Expression: MIT AND BSD-3-Clause\n", "MIT AND BSD-3-Clause"),
        ("License: Apache License 2.0\n", "Apache License 2.0"),
        ("Classifier: License :: OSI Approved :: MIT License\nLicense: the whole text\n", "MIT"),
        ("Classifier: License :: OSI Approved :: Some Rare License\n", "Some Rare License"),
        ("License: UNKNOWN\n", ""),
        (f"License: {'very long ' * 20}\n", ""),
        ("", ""),
    ],
)
def test_a_licence_in_the_fewest_words(tmp_path: Path, fields: str, license_: str) -> None:
    info = tmp_path / "a_b-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: A_B\nVersion: 1.0\n{fields}")

    (found,) = python_packages(tmp_path)

    assert (found.name, found.version, found.license) == ("a-b", "1.0", license_)


def test_packages_without_metadata_are_no_packages(tmp_path: Path) -> None:
    (tmp_path / "x-1.dist-info").mkdir()
    found: list[Any] = python_packages(tmp_path)

    assert found == []
