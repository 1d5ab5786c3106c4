from __future__ import annotations

from pathlib import Path

import pytest

from toc_build.runtime import MissingArtifact, model_path

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 1024\n"


@pytest.fixture
def base(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(folder))
    return folder


def put(path: Path, text: str = "weights") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("level", ["", "model", "river-litter/3", "river-litter/3/model"])
def test_every_layout_of_azure(base, level):
    file = put(base / level / "detector" / "weights.onnx")
    put(base / level / "labels.txt")
    assert model_path("detector", "weights.onnx") == file
    assert model_path("detector/weights.onnx") == file
    assert model_path(Path("detector")) == file.parent
    assert model_path() == base / level


def test_the_nearest_wins(base):
    near = put(base / "weights.onnx")
    put(base / "model" / "weights.onnx")
    put(base / "river" / "1" / "weights.onnx")
    assert model_path("weights.onnx") == near


def test_several_models(base):
    put(base / "river" / "1" / "a.onnx")
    second = put(base / "sea" / "7" / "model" / "b.onnx")
    assert model_path("b.onnx") == second
    assert model_path("sea", "7", "model", "b.onnx") == second


def test_the_same_file_in_several_models(base):
    put(base / "river" / "1" / "a.onnx")
    put(base / "sea" / "7" / "a.onnx")
    with pytest.raises(
        MissingArtifact, match=r"more than one model(?s:.*)model_path\('river', '1', 'a.onnx'\)"
    ):
        model_path("a.onnx")


def test_only_numbered_folders_are_versions(base):
    put(base / "saved_model" / "variables" / "a.onnx")
    with pytest.raises(MissingArtifact):
        model_path("a.onnx")


def test_missing_file_shows_what_is_there(base):
    put(base / "model" / "detector.onnx")
    with pytest.raises(MissingArtifact) as caught:
        model_path("detector.tflite")
    message = str(caught.value)
    assert f"'detector.tflite' below AZUREML_MODEL_DIR ({base}). There is:" in message
    assert "  model/\n    detector.onnx  (7 bytes)" in message
    assert "deploy.yml" in message
    assert isinstance(caught.value, FileNotFoundError)


def test_the_tree_is_short(base):
    for index in range(100):
        put(base / f"{index:03}.bin")
    with pytest.raises(MissingArtifact) as caught:
        model_path("x")
    lines = str(caught.value).splitlines()
    assert len(lines) == 22
    assert "... and more" in lines[20]


def test_links(base, tmp_path):
    file = put(tmp_path / "store" / "weights.bin")
    (base / "weights.bin").symlink_to(file)
    assert model_path("weights.bin") == base / "weights.bin"
    (base / "dead").symlink_to(tmp_path / "nothing")
    with pytest.raises(MissingArtifact, match="a link that leads nowhere"):
        model_path("dead")


def test_empty_folder(base):
    with pytest.raises(MissingArtifact, match="nothing: the folder is empty"):
        model_path("x")
    assert model_path() == base


def test_variable_not_set(monkeypatch):
    monkeypatch.delenv("AZUREML_MODEL_DIR", raising=False)
    with pytest.raises(MissingArtifact, match=r"AZUREML_MODEL_DIR is not set.*`nox -s test`"):
        model_path("x")


def test_variable_leads_nowhere(monkeypatch, tmp_path):
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path / "gone"))
    with pytest.raises(MissingArtifact, match="gone, which does not exist"):
        model_path("x")
    with pytest.raises(MissingArtifact, match="not a folder"):
        model_path()
    put(tmp_path / "file")
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path / "file"))
    with pytest.raises(MissingArtifact, match="which is a file"):
        model_path("x")


@pytest.mark.parametrize("parts", [("..", "x"), ("a", "../../x"), ("/etc/passwd",), ("a", "/etc"), ("a\0b",)])
def test_paths_that_lead_out(base, parts):
    with pytest.raises(ValueError, match="inside the model folder"):
        model_path(*parts)


def test_git_lfs_pointer(base):
    put(base / "weights.onnx", POINTER)
    with pytest.raises(MissingArtifact, match=r"weights\.onnx is a git-LFS pointer.*`git lfs pull`"):
        model_path("weights.onnx")


def test_git_lfs_pointer_inside_a_folder(base):
    put(base / "saved_model" / "saved_model.pb")
    put(base / "saved_model" / "variables" / "variables.data", POINTER)
    assert model_path("saved_model", "saved_model.pb").name == "saved_model.pb"
    with pytest.raises(MissingArtifact, match=r"variables\.data is a git-LFS pointer"):
        model_path("saved_model")


def test_a_large_file_is_not_read_as_a_pointer(base):
    put(base / "notes.txt", POINTER + " " * 2000)
    assert model_path("notes.txt")
