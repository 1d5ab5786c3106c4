"""YAML files as people leave them: encodings, anchors, and documents made to hurt."""

from __future__ import annotations

from pathlib import Path

import pytest

from toc_build.errors import RepositoryError
from toc_build.repository.yaml_source import AmbiguousText, YamlSource, read_yaml


def read(folder: Path, content: str | bytes) -> YamlSource:
    path = folder / "deploy.yml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_yaml(path, name="deploy.yml", area="DEPLOY")


def mistake(folder: Path, content: str | bytes) -> tuple[str, str | None, str]:
    with pytest.raises(RepositoryError) as raised:
        read(folder, content)
    problem = raised.value.problems[0]
    return problem.code, problem.where, problem.what


def test_values_and_lines(tmp_path: Path) -> None:
    source = read(tmp_path, "a: 1\nb:\n  c: [x, 2.5, true, null, 'no', no]\n  d: {e: f}\n")
    assert source.data == {"a": 1, "b": {"c": ["x", 2.5, True, None, "no", "no"], "d": {"e": "f"}}}
    quoted, plain = source.data["b"]["c"][4:]
    assert not isinstance(quoted, AmbiguousText)
    assert isinstance(plain, AmbiguousText)
    assert source.where("b", "c", 1) == "deploy.yml:3 b -> c -> item 2"
    assert source.where("b", "d", "e") == "deploy.yml:4 b -> d -> e"


def test_place_of_what_is_not_there_is_its_section(tmp_path: Path) -> None:
    assert read(tmp_path, "a: 1\nb:\n  c: 2\n").where("b", "x") == "deploy.yml:2 b -> x"


def test_anchors_and_merge_keys(tmp_path: Path) -> None:
    source = read(
        tmp_path, "base: &b {x: 1, y: 2}\none:\n  <<: *b\n  y: 3\ntwo: {<<: [*b, {z: 4}]}\nthree: *b\n"
    )
    assert source.data["one"] == {"x": 1, "y": 3}
    assert source.data["two"] == {"x": 1, "y": 2, "z": 4}
    assert source.data["three"] == {"x": 1, "y": 2}
    assert source.where("one", "y") == "deploy.yml:4 one -> y"
    assert source.problems == []


def test_byte_order_mark_and_line_ends_of_windows(tmp_path: Path) -> None:
    source = read(tmp_path, b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert source.data == {"a": 1, "b": 2}
    assert source.line(("b",)) == 2


def test_yaml_1_1_document(tmp_path: Path) -> None:
    assert read(tmp_path, "%YAML 1.1\n---\na: no\n").data == {"a": False}


def test_not_utf8(tmp_path: Path) -> None:
    code, where, what = mistake(tmp_path, "a: 1\nb: Größe\n".encode("latin-1"))
    assert (code, where) == ("TOC-DEPLOY-003", "deploy.yml:2")
    assert "UTF-8" in what


def test_utf16_is_named_as_not_utf8(tmp_path: Path) -> None:
    assert mistake(tmp_path, "a: 1\n".encode("utf-16"))[0] == "TOC-DEPLOY-003"


@pytest.mark.parametrize("content", ["", "\n\n", "# only a comment\n", "---\n"])
def test_empty(tmp_path: Path, content: str) -> None:
    assert mistake(tmp_path, content)[0] in {"TOC-DEPLOY-006", "TOC-DEPLOY-007"}


@pytest.mark.parametrize("content", ["- a\n- b\n", "text\n", "42\n"])
def test_not_a_mapping(tmp_path: Path, content: str) -> None:
    assert mistake(tmp_path, content)[0] == "TOC-DEPLOY-007"


def test_folder_in_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError) as raised:
        read_yaml(tmp_path, name="deploy.yml", area="DEPLOY")
    assert raised.value.code == "TOC-DEPLOY-002"
    assert "directory" in raised.value.problems[0].what


def test_aliases_that_grow_without_end(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    code, _, what = mistake(tmp_path, "\n".join(levels))
    assert code == "TOC-DEPLOY-004"
    assert "aliases" in what


def test_merges_that_grow_without_end(tmp_path: Path) -> None:
    levels = ["a0: &a0 {x: 1}"]
    levels += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 10)]
    assert mistake(tmp_path, "\n".join(levels))[0] == "TOC-DEPLOY-004"


def test_document_that_holds_itself(tmp_path: Path) -> None:
    assert mistake(tmp_path, "a: &a [*a]\n")[0] == "TOC-DEPLOY-004"


def test_deep_nesting(tmp_path: Path) -> None:
    assert mistake(tmp_path, "a: " + "[" * 5000 + "]" * 5000)[0] == "TOC-DEPLOY-004"


def test_key_that_is_no_name(tmp_path: Path) -> None:
    source = read(tmp_path, "? [a, b]\n: 1\nc: 2\n")
    assert [problem.code for problem in source.problems] == ["TOC-DEPLOY-008"]
    assert source.data == {"c": 2}


def test_every_duplicate_key_is_told(tmp_path: Path) -> None:
    source = read(tmp_path, "a: 1\na: 2\nb: {c: 1, c: 2}\n")
    assert [problem.where for problem in source.problems] == ["deploy.yml:2 a", "deploy.yml:3 b -> c"]


def test_message_never_quotes_the_line(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError) as raised:
        read(tmp_path, 'password: "hunter2\n')
    assert "hunter2" not in str(raised.value)
