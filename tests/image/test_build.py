"""`build_image`: the same bytes everywhere, what changes with what, and nothing left when it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.image_builds import THIS_PYTHON, read_file, read_layer, write_base
from support.repository_wheels import write_index, write_wheel

from toc_build.bundle import Bundle, assemble
from toc_build.errors import ImageError, UserError
from toc_build.image import BuiltImage, ImageSettings, build_image
from toc_build.repository import Repository, load

Build = Callable[..., BuiltImage]
BASE, ENVIRONMENT, MODEL, CODE = range(4)
ELSEWHERE = """
import os, sys
from dataclasses import replace
from pathlib import Path
from toc_build.bundle import assemble
from toc_build.image import ImageSettings, build_image
from toc_build.repository import load
os.umask(0o077)
repository = load(sys.argv[1])
settings = replace(ImageSettings.of(repository), base=sys.argv[3])
print(build_image(assemble(repository), settings=settings, cache=Path(sys.argv[2])).digest)
"""


def config(image: BuiltImage) -> dict[str, object]:
    found: dict[str, object] = json.loads(image.blob(image.config_digest).read_bytes())
    return found


def test_another_process_in_another_folder_with_another_umask_makes_the_same_digest(
    build: Build, repository: Repository, settings: ImageSettings, tmp_path: Path
) -> None:
    here = build(tmp_path / "one")

    import shutil

    other = tmp_path / "a longer name" / "elsewhere"
    shutil.copytree(repository.root, other)
    for path in other.rglob("*"):
        os.utime(path, (1, 1))
    environment = {**os.environ, "PYTHONHASHSEED": "271828", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    there = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(other), str(tmp_path / "two"), settings.base],
        env={**environment, "TOC_BUILD_CACHE_DIR": str(tmp_path / "third")},
        check=True,
        capture_output=True,
        text=True,
    )

    assert there.stdout.strip() == here.digest


def test_the_blobs_are_what_their_digests_say(build: Build) -> None:
    import hashlib

    image = build()

    blobs = sorted((image.layout / "blobs" / "sha256").iterdir())
    assert [hashlib.sha256(blob.read_bytes()).hexdigest() for blob in blobs] == [blob.name for blob in blobs]
    index = json.loads((image.layout / "index.json").read_bytes())
    assert [item["digest"] for item in index["manifests"]] == [image.digest]
    manifest = json.loads(image.blob(image.digest).read_bytes())
    assert manifest["config"]["digest"] == image.config_digest
    assert [layer["digest"] for layer in manifest["layers"]] == [layer.digest for layer in image.layers]


def test_a_change_of_the_code_changes_one_layer(
    build: Build, repository: Repository, settings: ImageSettings
) -> None:
    before = build()
    repository.script.write_text("def init(): ...\ndef run(request): return 1\n")
    told: list[str] = []

    after = build_image(assemble(load(repository.root)), settings=settings, progress=told.append)

    same = [one == other for one, other in zip(before.layers, after.layers, strict=True)]
    assert same == [True, True, True, False]
    assert told == ["writing the code layer"]


def test_a_change_of_the_weights_leaves_environment_and_code(
    build: Build, repository: Repository, settings: ImageSettings
) -> None:
    before = build()
    (repository.model_dir / "saved_model/saved_model.pb").write_text("another graph\n")

    after = build_image(assemble(load(repository.root)), settings=settings)

    same = [one == other for one, other in zip(before.layers, after.layers, strict=True)]
    assert same == [True, True, False, True]


def test_everything_belongs_to_root_and_nothing_can_be_written_by_others(build: Build) -> None:
    image = build()

    for layer in image.layers[1:]:
        for entry in read_layer(image.blob(layer.digest)).values():
            assert (entry.uid, entry.gid, entry.uname, entry.gname) == (0, 0, "", "")
            assert entry.mtime == 315532800
            assert entry.issym() or entry.mode in {0o755, 0o644}


def test_the_configuration_is_that_of_azure_mls_own_images(build: Build, bundle: Bundle) -> None:
    found = config(build())
    inner = found["config"]
    assert isinstance(inner, dict)
    variables = dict(item.partition("=")[::2] for item in inner["Env"])

    assert inner["User"] == "10001:10001"
    assert list(inner["ExposedPorts"]) == ["5001/tcp"]
    assert inner["Entrypoint"] == ["/opt/scoring/bin/python", "-m", "azureml_inference_server_http"]
    assert inner["Cmd"] == ["--entry_script", "/var/azureml-app/score.py", "--port", "5001"]
    assert variables["AML_APP_ROOT"] == "/var/azureml-app"
    assert variables["AZUREML_ENTRY_SCRIPT"] == "score.py"
    assert variables["AZUREML_MODEL_DIR"] == "/var/azureml-app/azureml-models/river-litter/1"
    assert "--threads 4 --graceful-timeout 60" in variables["GUNICORN_CMD_ARGS"]
    assert variables["LANG"] == "C.UTF-8", "the base's own variables stay"
    assert variables["PATH"] == "/opt/scoring/bin:/usr/bin:/bin"
    assert inner["Labels"]["com.github.toc-build.bundle.digest"] == bundle.digest
    assert inner["Labels"]["com.github.toc-build.model.name"] == "river-litter"


def test_settings_change_the_configuration_and_no_layer(build: Build) -> None:
    one, other = build(), build(threads=9, port=8080, workers=2, timeout_seconds=5)

    assert one.layers == other.layers
    assert one.digest != other.digest
    text = json.dumps(config(other))
    assert "--threads 9" in text
    assert "8080/tcp" in text
    assert "WORKER_COUNT=2" in text
    assert "SCORING_TIMEOUT_MS=5000" in text


def test_the_model_and_the_code_stand_where_azure_ml_puts_them(build: Build) -> None:
    image = build()
    model = read_layer(image.blob(image.layers[MODEL].digest))
    code = read_layer(image.blob(image.layers[CODE].digest))

    assert "var/azureml-app/azureml-models/river-litter/1/saved_model/saved_model.pb" in model
    tag = THIS_PYTHON.replace(".", "")
    assert {
        "var/azureml-app/score.py",
        f"var/azureml-app/__pycache__/score.cpython-{tag}.pyc",
        "var/azureml-app/toc_build/runtime/handler.py",
        "opt/scoring/gunicorn.conf.py",
    } <= code.keys()


def test_the_environment_is_a_virtual_environment_of_the_bases_interpreter(build: Build) -> None:
    image = build()
    layer = image.blob(image.layers[ENVIRONMENT].digest)
    entries = read_layer(layer)
    place = f"opt/scoring/lib/python{THIS_PYTHON}/site-packages"

    assert entries["opt/scoring/bin/python"].linkname == f"/usr/bin/python{THIS_PYTHON}"
    assert b"home = /usr/bin\n" in read_file(layer, "opt/scoring/pyvenv.cfg")
    assert f"{place}/numpy/__init__.py" in entries
    assert any("/__pycache__/" in name for name in entries)
    left = {name.rpartition("/")[2] for name in entries}
    assert not left & {"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", ".lock"}
    record = read_file(layer, next(name for name in entries if name.endswith("numpy-2.3.2.dist-info/RECORD")))
    listed = [line.split(",")[0] for line in record.decode().splitlines()]
    assert listed == sorted(listed)
    assert all(f"{place}/{name}" in entries for name in listed)


def test_bytecode_needs_no_file_times(build: Build) -> None:
    image = build()
    tag = THIS_PYTHON.replace(".", "")
    code = read_file(
        image.blob(image.layers[CODE].digest), f"var/azureml-app/__pycache__/score.cpython-{tag}.pyc"
    )

    assert int.from_bytes(code[4:8], "little") == 1, "a hash-based file that is not checked (PEP 552)"


def test_an_image_is_taken_from_the_cache_when_nothing_changed(build: Build) -> None:
    first = build()
    told: list[str] = []

    assert build(told=told) == first
    assert told == []


def test_a_damaged_layout_is_written_anew(build: Build) -> None:
    image = build()
    blob = image.blob(image.config_digest)
    blob.chmod(0o644)
    blob.unlink()

    assert build() == image
    assert blob.is_file()


def test_a_tampered_wheel_is_refused_and_no_image_is_left(
    repository: Repository,
    bundle: Bundle,
    settings: ImageSettings,
    wheelhouse: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_wheel(wheelhouse, "numpy", "2.3.2", files={"numpy/evil.py": "import os\n"})
    write_index(wheelhouse)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another-uv-cache"))

    with pytest.raises(UserError) as caught:
        build_image(bundle, settings=settings)

    assert caught.value.code == "TOC-IMAGE-022"
    assert "numpy" in str(caught.value)
    images = tmp_path / "toc-build-cache" / "images"
    assert not list(images.glob("layouts/*"))
    assert not list(images.glob("layers/*.json"))
    assert not list(images.glob("work/*"))


def test_a_requirement_without_a_wheel_for_the_platform_is_named(
    make_repository: Callable[..., Repository], wheelhouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from support.repository_files import CONDA

    from toc_build.cli import main

    write_wheel(wheelhouse, "onlyhere", "1.0", tag="py3-none-manylinux_2_17_x86_64")
    write_index(wheelhouse)
    base = wheelhouse.parent / "arm"
    write_base(base, architecture="arm64")
    repository = make_repository(conda=CONDA + "      - onlyhere\n")
    settings = replace(ImageSettings.of(repository), base=f"oci:{base}", platform="linux/arm64")

    with pytest.raises(ImageError) as caught:
        build_image(assemble(repository), settings=settings)

    assert caught.value.code == "TOC-IMAGE-010"
    said = str(caught.value)
    assert "onlyhere==1.0 has no wheel for linux/arm64" in said
    assert "conda.yml asks for it" in said

    # What it says to do, done.
    folder = wheelhouse.parent / "own-wheels"
    folder.mkdir()
    write_wheel(folder, "onlyhere", "1.0", tag="py3-none-manylinux_2_17_aarch64")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    assert main(["lock", "--rehash", "-C", str(repository.root)]) == 0
    image = build_image(assemble(load(repository.root)), settings=settings)
    names = read_layer(image.blob(image.layers[ENVIRONMENT].digest))
    assert any("onlyhere-1.0.dist-info" in name for name in names)


def test_an_image_for_another_processor_is_made_here(build: Build, tmp_path: Path) -> None:
    write_base(tmp_path / "arm", architecture="arm64")
    told: list[str] = []

    image = build(base=f"oci:{tmp_path / 'arm'}", platform="linux/arm64", told=told)

    assert config(image)["architecture"] == "arm64"
    assert any("for linux/arm64" in line for line in told)


def test_a_full_disk_is_said_and_leaves_no_image(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from toc_build.image import layer

    written = 0

    def no_room(member: bytes) -> bytes:
        nonlocal written
        written += 1
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(layer, "_compress", no_room)

    with pytest.raises(ImageError) as caught:
        build()

    assert written
    assert caught.value.code == "TOC-IMAGE-001"
    images = tmp_path / "toc-build-cache" / "images"
    assert not list(images.glob("layouts/*"))
    assert not list(images.glob("layers/*.json"))
    assert not list(images.glob("work/*"))


def test_an_interrupted_build_leaves_nothing_half_made(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toc_build.image import layer

    def interrupted(member: bytes) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(layer, "_compress", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build()

    assert not list((tmp_path / "toc-build-cache" / "images").glob("work/*"))
    assert build().layout.is_dir()


def test_a_bundle_that_was_edited_is_refused(build: Build, bundle: Bundle) -> None:
    script = bundle.code_dir / "score.py"
    script.chmod(0o644)
    script.write_text("def init(): import this\n")

    with pytest.raises(ImageError) as caught:
        build()

    assert caught.value.code == "TOC-IMAGE-012"
