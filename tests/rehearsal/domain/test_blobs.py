"""Blobs: content, blocks, signatures."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from toc_build.rehearsal.domain.blobs import VALID_SECONDS, Blobs
from toc_build.rehearsal.domain.cloud import Cloud
from toc_build.rehearsal.domain.refusals import Refusal

PATH = "azureml/LocalUpload/c/a.bin"


def part(cloud: Cloud, content: bytes) -> Path:
    found = cloud.blobs.new_part()
    found.write_bytes(content)
    return found


def test_a_blob_is_put_and_found(cloud: Cloud) -> None:
    document = cloud.blobs.put(PATH, part(cloud, b"12345"))
    assert document["size"] == 5
    assert cloud.blobs.file(PATH).read_bytes() == b"12345"
    cloud.blobs.put(PATH, part(cloud, b"6"))
    assert cloud.blobs.file(PATH).read_bytes() == b"6"


def test_blocks_make_a_blob_in_the_order_of_their_list(cloud: Cloud) -> None:
    for block in ("b", "a", "left out"):
        cloud.blobs.put_block(PATH, block, part(cloud, block.encode()))
    assert cloud.blobs.find(PATH) is None
    cloud.blobs.commit(PATH, ["a", "b"])
    assert cloud.blobs.file(PATH).read_bytes() == b"ab"
    with pytest.raises(Refusal, match="block list"):
        cloud.blobs.commit(PATH, ["a"])  # blocks are gone once they are committed
    assert cloud.blobs.file(PATH).read_bytes() == b"ab"


def test_a_prefix_ends_at_a_slash(cloud: Cloud) -> None:
    for path in ("azureml/x/c/model/a", "azureml/x/c/model", "azureml/x/c/modelled/b"):
        cloud.blobs.put(path, part(cloud, b""))
    assert cloud.blobs.below("azureml/x/c/model") == ["azureml/x/c/model", "azureml/x/c/model/a"]


@pytest.mark.parametrize("path", ["azureml/../../etc/passwd", "azureml/" + "long/" * 900 + "x"])
def test_no_path_leaves_the_folder_or_is_too_long(cloud: Cloud, path: str) -> None:
    cloud.blobs.put(path, part(cloud, b"1"))
    assert cloud.folder in cloud.blobs.file(path).parents


def test_a_signature_runs_out_and_cannot_be_made_up(tmp_path: Path, cloud: Cloud) -> None:
    now = 1000.0
    blobs = Blobs(tmp_path / "blobs", cloud.store, b"secret", lambda: now)
    query = dict(parse_qsl(blobs.signed_query(PATH, "r")))
    blobs.check_signature(PATH, query, "r")
    with pytest.raises(Refusal, match="does not permit"):
        blobs.check_signature(PATH, query, "w")
    for changed in ({"sp": "rw"}, {"se": "99999999999"}, {"sig": "0" * 64}, {"se": "soon"}):
        with pytest.raises(Refusal, match="authenticate"):
            blobs.check_signature(PATH, {**query, **changed}, "r")
    now += VALID_SECONDS + 1
    with pytest.raises(Refusal, match="authenticate"):
        blobs.check_signature(PATH, query, "r")
