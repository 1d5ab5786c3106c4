"""The fetch step of street-objects: what is not the right package is refused, and leaves nothing behind."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest


@pytest.fixture
def fetch(script):
    return script("street-objects/training/fetch_weights.py")


@pytest.fixture
def run(fetch, monkeypatch, tmp_path, capsys):
    """Runs the script without npm in reach; gives exit status and what it said to stderr."""

    def call(*arguments):
        monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
        monkeypatch.setattr("sys.argv", ["fetch_weights.py", "--out", str(tmp_path / "model"), *arguments])
        return fetch.main(), capsys.readouterr().err

    return call


@pytest.fixture
def registry():
    """A registry on 127.0.0.1 that answers every path with `body`, and remembers the paths."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            self.send_response(200 if self.server.body is not None else 404)
            self.end_headers()
            self.wfile.write(self.server.body or b"")

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.body = [], None
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def package(**files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def digest(data):
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


def test_another_package_is_refused_and_nothing_is_written(run, registry, monkeypatch, tmp_path):
    registry.body = b"not the package"
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{registry.server_port}/npm/")

    status, said = run()

    assert status == 2
    assert digest(b"not the package") in said
    assert "Nothing was written" in said
    assert registry.asked == ["/npm/@vladmandic/human/-/human-3.3.6.tgz"]
    assert not (tmp_path / "model").exists()


def test_a_registry_without_the_package_is_told(run, registry, monkeypatch, tmp_path):
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{registry.server_port}")

    status, said = run()

    assert status == 2
    assert "404" in said
    assert "--tarball" in said
    assert not (tmp_path / "model").exists()


def test_without_a_network_it_says_what_to_do(run, free_tcp_port, monkeypatch, tmp_path):
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{free_tcp_port}")

    status, said = run()

    assert status == 2
    assert "needs a network once" in said
    assert "--tarball FILE" in said
    assert not (tmp_path / "model").exists()


def test_a_registry_that_is_no_web_address_is_refused(run, monkeypatch):
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "ftp://mirror")

    status, said = run()

    assert status == 2
    assert "ftp://mirror" in said


def test_a_tarball_that_is_not_there_is_named(run, tmp_path):
    status, said = run("--tarball", str(tmp_path / "human.tgz"))

    assert status == 2
    assert "human.tgz" in said


def test_weights_that_are_there_are_left_alone(run, tmp_path, monkeypatch):
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "ftp://never-asked")
    there = tmp_path / "model" / "saved_model" / "saved_model.pb"
    there.parent.mkdir(parents=True)
    there.write_bytes(b"model")

    assert run()[0] == 0
    assert there.read_bytes() == b"model"


def test_a_changed_file_in_a_package_with_the_right_digest_is_refused(fetch, monkeypatch):
    names = [*fetch.SHA256, fetch.LICENCE]
    tarball = package(**dict.fromkeys(names, b"changed"))
    monkeypatch.setattr(fetch, "INTEGRITY", digest(tarball))

    with pytest.raises(fetch.FetchError, match=r"centernet.json has the sha256"):
        fetch.unpack(tarball)


def test_the_right_files_are_unpacked_with_their_licence(fetch, monkeypatch):
    names = [*fetch.SHA256, fetch.LICENCE]
    tarball = package(**dict.fromkeys(names, b"right"), other=b"left alone")
    monkeypatch.setattr(fetch, "INTEGRITY", digest(tarball))
    monkeypatch.setattr(fetch, "SHA256", dict.fromkeys(fetch.SHA256, hashlib.sha256(b"right").hexdigest()))

    assert fetch.unpack(tarball) == dict.fromkeys(names, b"right")


def test_an_answer_like_the_originals_passes_and_another_does_not(fetch):
    answer = np.zeros((100, 6), np.float32)
    answer[: len(fetch.REFERENCE)] = fetch.REFERENCE
    fetch.check_answer(answer)
    fetch.check_answer(answer + np.float32((0.3, 0, 0, 0, 0.003, 0)))

    for change in [(1, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0.01, 0), (0, 0, 0, 0, 0, 1)]:
        with pytest.raises(fetch.FetchError, match="does not answer as the original"):
            fetch.check_answer(answer + np.float32(change))


def test_the_reference_picture_shows_a_stop_sign(fetch):
    picture = fetch.stop_sign()

    assert picture.shape == (512, 512, 3)
    assert picture.dtype == np.float32
    assert picture[216, 256].tolist() == [190, 20, 30]  # the sign
    assert picture[5, 5].tolist() == [150, 190, 230]  # the sky
