from __future__ import annotations

import json

import pytest

from toc_build.bundle.manifest import FileEntry, Manifest
from toc_build.errors import BundleError

FILES = [FileEntry("code/score.py", "a" * 64, 10), FileEntry("model/weights", "b" * 64, 20)]


def manifest(files: list[FileEntry] = FILES, **changes: str) -> Manifest:
    facts = {
        "service": "cups",
        "model": "cups",
        "framework": "custom",
        "python": "3.11",
        "entry_script": "score.py",
    }
    return Manifest.of(files, **{**facts, **changes})


def test_the_order_of_the_files_does_not_matter() -> None:
    assert manifest(FILES).digest == manifest(FILES[::-1]).digest


@pytest.mark.parametrize("change", [{"service": "boats"}, {"python": "3.12"}, {"entry_script": "main.py"}])
def test_every_fact_is_part_of_the_digest(change: dict[str, str]) -> None:
    assert manifest(**change).digest != manifest().digest


@pytest.mark.parametrize(
    "entry",
    [
        FileEntry("code/score2.py", "a" * 64, 10),
        FileEntry("code/score.py", "c" * 64, 10),
        FileEntry("code/score.py", "a" * 64, 11),
    ],
)
def test_every_part_of_an_entry_is_part_of_the_digest(entry: FileEntry) -> None:
    assert manifest([entry, FILES[1]]).digest != manifest().digest


def test_round_trip() -> None:
    assert Manifest.from_json(manifest().to_json()) == manifest()


def test_an_edited_manifest_is_refused() -> None:
    raw = json.loads(manifest().to_json())
    raw["files"][0]["size"] = 11
    with pytest.raises(BundleError, match="was edited") as caught:
        Manifest.from_json(json.dumps(raw))
    assert caught.value.code == "TOC-BUNDLE-003"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"digest": "x", "format": 1, "files": [{"path": 1}]}'])
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(BundleError) as caught:
        Manifest.from_json(text)
    assert caught.value.code == "TOC-BUNDLE-001"


def test_a_newer_format_is_refused() -> None:
    text = manifest().to_json().replace('"format": 1', '"format": 2')
    with pytest.raises(BundleError, match="format 2"):
        Manifest.from_json(text)
