from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.model_repository import write_model_repository

from toc_build.bundle import Bundle, assemble, open_bundle
from toc_build.bundle.assembly import FileHasher, describe
from toc_build.bundle.store import prune_bundles
from toc_build.errors import BundleError
from toc_build.repository import load


@pytest.fixture
def repository_dir(model_repository: Path) -> Path:
    (model_repository / "requirements.lock").write_text("numpy==2.3.2 --hash=sha256:00\n")
    return model_repository


def bundle_of(folder: Path) -> Bundle:
    return assemble(load(folder))


def paths(bundle: Bundle) -> set[str]:
    return {entry.path for entry in bundle.manifest.files}


def test_a_bundle_has_code_runtime_model_and_environment(repository_dir: Path) -> None:
    bundle = bundle_of(repository_dir)
    assert {
        "code/score.py",
        "code/detector.py",
        "code/scoring.json",
        "code/toc_build/runtime/handler.py",
        "model/threshold.json",
        "environment/requirements.lock",
        "environment/conda.yml",
    } <= paths(bundle)
    assert "code/toc_build/__init__.py" not in paths(bundle)
    assert bundle.verify() == []
    assert (bundle.code_dir / "score.py").read_bytes() == (repository_dir / "scoring/score.py").read_bytes()


def test_only_the_content_counts(repository_dir: Path, tmp_path: Path) -> None:
    """Another folder, another time, another umask, another order of creation: the same digest."""
    first = bundle_of(repository_dir).digest
    before = os.umask(0o077)
    try:
        other = tmp_path / "elsewhere" / "deep" / "clone"
        write_model_repository(other)
        lock = other / "requirements.lock"
        lock.write_text("numpy==2.3.2 --hash=sha256:00\n")
        for path in other.rglob("*"):
            os.utime(path, (1, 1))
        (other / "scoring" / "score.py").chmod(0o755)
    finally:
        os.umask(before)
    assert bundle_of(other).digest == first


@pytest.mark.parametrize(
    "place",
    ["scoring/score.py", "scoring/detector.py", "model/threshold.json", "conda.yml", "requirements.lock"],
)
def test_one_byte_more_is_another_digest(repository_dir: Path, place: str) -> None:
    first = bundle_of(repository_dir).digest
    with (repository_dir / place).open("ab") as stream:
        stream.write(b"\n")
    assert bundle_of(repository_dir).digest != first


def test_labels_and_limits_are_part_of_the_digest_and_targets_are_not(repository_dir: Path) -> None:
    first = bundle_of(repository_dir).digest
    deploy = repository_dir / "deploy.yml"
    text = deploy.read_text()
    deploy.write_text(text.replace("8890", "8891"))
    assert bundle_of(repository_dir).digest == first
    deploy.write_text(text.replace("[thing]", "[thing, other]"))
    assert bundle_of(repository_dir).digest != first


@pytest.mark.parametrize(
    "place", ["tests/test_more.py", "samples/more.txt", "README.md", ".toc/tests/x.json"]
)
def test_what_does_not_run_is_not_in_the_digest(repository_dir: Path, place: str) -> None:
    first = bundle_of(repository_dir).digest
    (repository_dir / place).parent.mkdir(parents=True, exist_ok=True)
    (repository_dir / place).write_text("something")
    assert bundle_of(repository_dir).digest == first


def test_caches_and_ignored_files_stay_out(repository_dir: Path) -> None:
    first = bundle_of(repository_dir).digest
    for place in (
        "scoring/__pycache__/score.cpython-311.pyc",
        "scoring/.DS_Store",
        "scoring/score.py~",
        "model/notes.md",
    ):
        (repository_dir / place).parent.mkdir(exist_ok=True)
        (repository_dir / place).write_text("x")
    (repository_dir / ".amlignore").write_text("*.md\n!__pycache__/\n")
    assert bundle_of(repository_dir).digest == first


def test_links_are_followed_and_broken_ones_named(repository_dir: Path, tmp_path: Path) -> None:
    weights = tmp_path / "big"
    weights.mkdir()
    (weights / "weights.bin").write_bytes(b"w" * 100)
    (repository_dir / "model" / "linked").symlink_to(weights)
    (weights / "loop").symlink_to(weights)
    bundle = bundle_of(repository_dir)
    assert not (bundle.model_dir / "linked" / "weights.bin").is_symlink()
    assert {path for path in paths(bundle) if "linked" in path} == {"model/linked/weights.bin"}
    (repository_dir / "model" / "gone.bin").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=r"gone\.bin") as caught:
        bundle_of(repository_dir)
    assert caught.value.code == "TOC-BUNDLE-005"


def test_the_tools_own_places_cannot_be_taken(repository_dir: Path) -> None:
    (repository_dir / "scoring" / "scoring.json").write_text("{}")
    with pytest.raises(BundleError, match=r"code/scoring\.json") as caught:
        bundle_of(repository_dir)
    assert caught.value.code == "TOC-BUNDLE-004"


def test_an_unchanged_repository_takes_the_stored_bundle(repository_dir: Path) -> None:
    first = bundle_of(repository_dir)
    inode = (first.code_dir / "score.py").stat().st_ino
    assert (bundle_of(repository_dir).code_dir / "score.py").stat().st_ino == inode


def test_artifacts_are_stored_once_for_all_bundles(repository_dir: Path) -> None:
    first = bundle_of(repository_dir)
    (repository_dir / "scoring" / "detector.py").write_text("# other\n")
    second = bundle_of(repository_dir)
    assert first.digest != second.digest
    assert (first.model_dir / "threshold.json").samefile(second.model_dir / "threshold.json")


def test_a_damaged_bundle_is_made_again(repository_dir: Path) -> None:
    bundle = bundle_of(repository_dir)
    score = bundle.code_dir / "score.py"
    score.chmod(0o644)
    score.write_text("print('edited while debugging')\n")
    (bundle.model_dir / "threshold.json").unlink()
    assert bundle.verify() == ["code/score.py", "model/threshold.json"]
    again = bundle_of(repository_dir)
    assert again.root == bundle.root
    assert again.verify() == []


def test_compiled_code_that_an_interpreter_left_is_no_damage(repository_dir: Path) -> None:
    bundle = bundle_of(repository_dir)
    inode = bundle.root.stat().st_ino
    cache = bundle.code_dir / "toc_build" / "runtime" / "__pycache__"
    cache.mkdir()
    (cache / "handler.cpython-311.pyc").write_bytes(b"x")
    assert bundle.verify() == []
    assert bundle_of(repository_dir).root.stat().st_ino == inode


@pytest.mark.parametrize("damage", [b"", b"X"], ids=["cut off", "one byte"])
def test_a_damaged_artifact_is_stored_again(repository_dir: Path, cache: Path, damage: bytes) -> None:
    first = bundle_of(repository_dir)
    (sha256,) = {entry.sha256 for entry in first.manifest.files if entry.path == "model/threshold.json"}
    blob = cache / "artifacts" / sha256
    sound = blob.read_bytes()
    blob.chmod(0o644)
    blob.write_bytes(damage + sound[1:] if damage else b"")
    (repository_dir / "scoring" / "detector.py").write_text("# another bundle of the same model\n")
    second = bundle_of(repository_dir)
    assert second.digest != first.digest
    assert (second.model_dir / "threshold.json").read_bytes() == sound
    assert second.verify() == []


def test_bundles_that_are_in_use_stay(
    repository_dir: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever way the cache is reached: a process and a state have the real path, the command has a link."""
    (tmp_path / "link").symlink_to(cache)
    by_process, by_state, unused = (_version_of(repository_dir, number) for number in range(3))
    being_made = cache / "bundles" / ".building-now"
    being_made.mkdir()
    state = cache / "services" / "one" / "state.json"
    state.parent.mkdir(parents=True)
    state.write_text(json.dumps({"bundle_root": str(by_state.root.resolve())}))
    words = ["import time; time.sleep(60)", str(by_process.root.resolve() / "code" / "score.py")]
    monkeypatch.setenv("TOC_BUILD_CACHE_DIR", str(tmp_path / "link"))
    with subprocess.Popen([sys.executable, "-c", *words]) as process:
        try:
            assert prune_bundles(now=time.time() + 60, older_than_days=0) == 1
        finally:
            process.kill()
    left = {root.name for root in (cache / "bundles").iterdir()}
    assert left == {by_process.root.name, by_state.root.name, being_made.name}
    assert not unused.root.exists()


def _version_of(repository_dir: Path, number: int) -> Bundle:
    (repository_dir / "scoring" / "detector.py").write_text(f"# {number}\n")
    return bundle_of(repository_dir)


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"caf\xe9\n", ".amlignore"),
        (b"*.md\n!\n", ".amlignore:2"),
        (b"**\\\n", ".amlignore:1"),
    ],
)
def test_an_ignore_file_that_is_none(repository_dir: Path, content: bytes, where: str) -> None:
    (repository_dir / ".amlignore").write_bytes(content)
    with pytest.raises(BundleError) as caught:
        bundle_of(repository_dir)
    assert (caught.value.code, caught.value.problems[0].where) == ("TOC-BUNDLE-010", where)


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems refuse such a name")
def test_a_name_that_is_not_utf_8_is_named(repository_dir: Path) -> None:
    (repository_dir / "model" / os.fsdecode(b"caf\xe9.bin")).write_bytes(b"x")
    with pytest.raises(BundleError, match="is not UTF-8") as caught:
        bundle_of(repository_dir)
    assert caught.value.code == "TOC-BUNDLE-005"
    str(caught.value).encode()


def test_a_failed_store_leaves_nothing(repository_dir: Path, cache: Path) -> None:
    manifest, sources = describe(load(repository_dir))
    (repository_dir / "scoring" / "detector.py").write_text("# changed meanwhile\n")
    from toc_build.bundle.store import store

    with pytest.raises(BundleError, match="changed while") as caught:
        store(manifest, sources)
    assert caught.value.code == "TOC-BUNDLE-008"
    assert list((cache / "bundles").iterdir()) == []


def test_a_cache_that_cannot_be_written(repository_dir: Path, cache: Path) -> None:
    cache.parent.mkdir(exist_ok=True)
    cache.write_text("a file where the cache should be")
    with pytest.raises(BundleError, match="cannot be stored") as caught:
        bundle_of(repository_dir)
    assert "TOC_BUILD_CACHE_DIR" in (caught.value.problems[0].fix or "")


def test_open_bundle_reads_what_assemble_wrote(repository_dir: Path, tmp_path: Path) -> None:
    bundle = bundle_of(repository_dir)
    assert open_bundle(bundle.root) == bundle
    with pytest.raises(BundleError) as caught:
        open_bundle(tmp_path / "nowhere")
    assert caught.value.code == "TOC-BUNDLE-007"


def test_the_hasher_reads_a_file_again_only_when_it_changed(
    repository_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import toc_build.bundle.assembly as module

    read: list[Path] = []
    real = module.sha256_file
    monkeypatch.setattr(module, "sha256_file", lambda path: read.append(path) or real(path))
    hasher = FileHasher()
    weights = repository_dir / "model" / "threshold.json"
    first = hasher(weights)
    assert hasher(weights) == first
    weights.write_text('{"threshold": 64}\n')
    assert hasher(weights) != first
    shutil.copy(weights, weights.with_name("copy.json"))
    assert hasher(weights.with_name("copy.json")).sha256 == hasher(weights).sha256
    assert read.count(weights) == 2
