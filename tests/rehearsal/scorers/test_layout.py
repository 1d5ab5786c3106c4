"""A scorer's folder, as Azure lays it out."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from support.rehearsal_clients import PREFIX, put_blob

from toc_build.rehearsal.domain.cloud import Cloud
from toc_build.rehearsal.domain.records import CodeAsset
from toc_build.rehearsal.scorers.failures import BuildFailed
from toc_build.rehearsal.scorers.layout import lay_out, model_dir


def archive(**files: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return content.getvalue()


def test_code_and_models_lie_where_azure_puts_them(cloud: Cloud, tmp_path: Path) -> None:
    put_blob(cloud, "LocalUpload/1/code.tar.gz", archive(**{"source/score.py": "x"}))
    put_blob(cloud, "LocalUpload/2/main.py", b"driver")
    put_blob(cloud, f"{PREFIX}/model/sub/a.bin", b"1")
    put_blob(cloud, f"{PREFIX}/single.bin", b"2")
    folder = cloud.models.register("many", [f"{PREFIX}/model"], "asset")
    single = cloud.models.register("one", [f"{PREFIX}/single.bin"], "asset")
    root = tmp_path / "app"
    code = [CodeAsset("LocalUpload/1/code.tar.gz", unpack=True), CodeAsset("LocalUpload/2/main.py")]
    lay_out(root, code, [folder, single], cloud.artifacts.below, cloud.artifacts.file)
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert found == {
        "main.py",
        "source/score.py",
        "azureml-models/many/1/model/sub/a.bin",
        "azureml-models/one/1/single.bin",
    }


def test_the_model_folder_is_the_only_model_s_or_that_of_all() -> None:
    assert model_dir(["many:3"]) == "azureml-models/many/3"
    assert model_dir(["many:3", "one:1"]) == "azureml-models"
    assert model_dir([]) == "azureml-models"


def test_what_was_never_uploaded_or_leaves_the_folder_fails_the_build(cloud: Cloud, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="never uploaded"):
        lay_out(
            tmp_path / "a", [CodeAsset("LocalUpload/1/x.py")], [], cloud.artifacts.below, cloud.artifacts.file
        )
    put_blob(cloud, "LocalUpload/1/code.tar.gz", archive(**{"../../escaped.py": "x"}))
    put_blob(cloud, "LocalUpload/2/code.tar.gz", b"no archive")
    for number in (1, 2):
        asset = CodeAsset(f"LocalUpload/{number}/code.tar.gz", unpack=True)
        with pytest.raises(BuildFailed, match="cannot be unpacked"):
            lay_out(tmp_path / str(number) / "b", [asset], [], cloud.artifacts.below, cloud.artifacts.file)
    assert not list(tmp_path.rglob("escaped.py"))
