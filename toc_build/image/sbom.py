"""What is in an image, as CycloneDX: Python packages, packages of the operating system, the model.

`toc-build image sbom` prints it, `registry.referrers` attaches it. The same image gives the same document,
byte for byte: it has no time, and its serial number is made from the image's digest.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from toc_build.bundle import Bundle
from toc_build.errors import ImageError
from toc_build.image.base_contents import Contents
from toc_build.image.built import BuiltImage
from toc_build.image.bundle_layers import model_version
from toc_build.image.python_packages import REMEMBERED, PythonPackage
from toc_build.image.store import ImageStore

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

MEDIA_TYPE = "application/vnd.cyclonedx+json"
_NAMESPACE = uuid.UUID("6f2b6d3c-0f0a-5d5e-9a51-3f2a1f5b1c7e")  # ours alone; any fixed one would do


def image_sbom(image: BuiltImage, bundle: Bundle, *, service: str, store: ImageStore) -> bytes:
    """The document of an image that was built here.

    Args:
        image: what `build_image` gave.
        bundle: what it serves.
        service: the image's title.
        store: where it was built.

    Raises:
        ImageError: the store no longer knows what is in the image.
    """
    environment, base = image.layers[-3].digest.partition(":")[2], image.base.rpartition(":")[2]
    listed = store.remembered(REMEMBERED, environment)
    contents = Contents.from_json(store.remembered("bases", base))
    if listed is None or contents is None:
        raise ImageError(
            "the cache no longer knows what is in the image.",
            code="TOC-IMAGE-050",
            where=str(store.root),
            fix=f"delete {store.root} and build the image again.",
        )
    python = [PythonPackage(**item) for item in listed["packages"]]
    return sbom(image.digest, bundle, python, contents, service=service, model=model_version(bundle))


def sbom(
    digest: str, bundle: Bundle, python: Iterable[PythonPackage], base: Contents, *, service: str, model: str
) -> bytes:
    """The document of an image, as JSON.

    Args:
        digest: of the image's manifest.
        bundle: what it serves.
        python: the packages of the environment layer.
        base: what the base holds.
        service: the image's title.
        model: the version of the artifacts.
    """
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6

    whole = Component(
        name=service,
        version=digest,
        type=ComponentType.CONTAINER,
        bom_ref=digest,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest.partition(":")[2])],
        properties=[Property(name="toc-build:bundle", value=bundle.digest)],
    )
    bom = Bom(serial_number=uuid.uuid5(_NAMESPACE, digest))
    bom.metadata.timestamp = None  # type: ignore[assignment]  # the time is no part of what an image is
    bom.metadata.component = whole
    components = [
        *(_python_component(item) for item in python),
        *_system_components(base),
        Component(
            name=bundle.manifest.model,
            version=model,
            type=ComponentType.MACHINE_LEARNING_MODEL,
            bom_ref=f"model:{bundle.manifest.model}@{model}",
        ),
    ]
    bom.components.update(components)
    bom.register_dependency(whole, components)
    text: str = JsonV1Dot6(bom).output_as_string(indent=1)
    return text.encode() + b"\n"


def _python_component(package: PythonPackage) -> Component:
    from cyclonedx.factory.license import LicenseFactory
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    purl = PackageURL("pypi", None, package.name, package.version)
    given = [LicenseFactory().make_from_string(package.license)] if package.license else []
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=purl.to_string(),
        licenses=given,
    )


def _system_components(base: Contents) -> list[Component]:
    from cyclonedx.factory.license import LicenseFactory
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    system, version = base.system
    found = []
    for package in base.packages:
        given: dict[str, Any] = {"arch": package.architecture}
        if package.source and package.source != package.name:
            given["upstream"] = package.source
        if system:
            given["distro"] = f"{system}-{version}"
        purl = PackageURL(package.kind, system or None, package.name, package.version, given)
        texts = [LicenseFactory().make_with_name(name) for name in package.licenses]
        found.append(
            Component(
                name=package.name,
                version=package.version,
                type=ComponentType.LIBRARY,
                purl=purl,
                bom_ref=purl.to_string(),
                licenses=texts,
            )
        )
    return found
