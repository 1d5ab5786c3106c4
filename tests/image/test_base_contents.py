"""`read_contents`: what later layers take away is gone; systems other than Debian are told apart."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from support.image_builds import archive, base_files

from toc_build.errors import ImageError
from toc_build.image.base_contents import Contents, read_contents


def layers(tmp_path: Path, *texts: dict[str, str]) -> list[Path]:
    found = []
    for number, files in enumerate(texts):
        path = tmp_path / f"{number}.tar"
        path.write_bytes(archive(files))
        found.append(path)
    return found


def test_what_a_later_layer_takes_away_is_gone(tmp_path: Path) -> None:
    found = read_contents(
        layers(
            tmp_path,
            base_files("3.11"),
            {
                "usr/bin/.wh.python3.11": "",
                "usr/local/bin/python3.12": "x",
                "var/lib/dpkg/status.d/.wh.libssl3": "",
            },
        )
    )

    assert [item.path for item in found.interpreters] == ["usr/local/bin/python3.12"]
    assert [item.name for item in found.packages] == ["libc6"]


def test_an_opaque_folder_hides_what_was_in_it(tmp_path: Path) -> None:
    found = read_contents(
        layers(
            tmp_path,
            base_files("3.11"),
            {"var/lib/dpkg/status.d/.wh..wh..opq": "", "usr/bin/python3.12": "x"},
        )
    )

    assert found.packages == ()
    assert [item.minor for item in found.interpreters] == ["3.11", "3.12"]


def test_one_status_file_with_many_packages(tmp_path: Path) -> None:
    status = (
        "Package: libc6\nStatus: install ok installed\nVersion: 2.41-12\nArchitecture: arm64\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\n"
    )
    found = read_contents(layers(tmp_path, {"var/lib/dpkg/status": status}))

    assert [item.name for item in found.packages] == ["libc6"]
    assert found.libc == "manylinux_2_40", "uv knows no newer one"


def test_alpine_is_told_by_its_c_library_and_lists_its_packages(tmp_path: Path) -> None:
    installed = (
        "P:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\n\nP:zlib\nV:1.3.1-r2\nA:x86_64\nL:Zlib\no:zlib\n"
    )
    files = {
        "lib/ld-musl-x86_64.so.1": "x",
        "lib/apk/db/installed": installed,
        "etc/os-release": "ID=alpine\n",
    }
    found = read_contents(layers(tmp_path, files))

    assert found.libc == "unknown-linux-musl"
    assert [(item.kind, item.name, item.licenses) for item in found.packages] == [
        ("apk", "musl", ("MIT",)),
        ("apk", "zlib", ("Zlib",)),
    ]


def test_licences_are_read_where_a_machine_can_read_them(tmp_path: Path) -> None:
    head = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
    files = {
        **base_files(),
        "usr/share/doc/libssl3/copyright": f"{head}\nFiles: *\nLicense: Apache-2.0\n long text\n",
        "usr/share/doc/libc6/copyright": "This is prose.\nLicense: see below\n",
    }
    found = {item.name: item.licenses for item in read_contents(layers(tmp_path, files)).packages}

    assert found == {"libc6": (), "libssl3": ("Apache-2.0",)}


def test_the_python_that_the_path_finds_first_comes_first(tmp_path: Path) -> None:
    files = {"usr/bin/python3.11": "Debian's", "usr/local/bin/python3.11": "the image's own"}

    found = read_contents(layers(tmp_path, files))

    assert [item.path for item in found.interpreters] == ["usr/local/bin/python3.11", "usr/bin/python3.11"]


def test_several_gzip_members_are_one_archive(tmp_path: Path) -> None:
    data = archive(base_files("3.11"))
    path = tmp_path / "layer.tar.gz"
    path.write_bytes(gzip.compress(data[:700]) + gzip.compress(data[700:]))

    assert read_contents([path]).interpreters


def test_what_python_cannot_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "layer.tar.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(2000))

    with pytest.raises(ImageError) as caught:
        read_contents([path])

    assert caught.value.code == "TOC-IMAGE-034"


def test_contents_come_back_from_json(tmp_path: Path) -> None:
    import json

    found = read_contents(layers(tmp_path, base_files()))

    assert Contents.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert Contents.from_json({"interpreters": []}) is None
