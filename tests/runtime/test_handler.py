from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.runtime_images import encode, every_format, exif, scene

from toc_build.runtime import Detection, RequestHandler, ScoringSettings, check_detections
from toc_build.runtime import handler as handler_module
from toc_build.runtime.handler import DRAIN_BYTES

IMAGES = every_format()
PNG = encode(scene(), "png")
CAN = Detection(1, 20, 2, 30, "can", 0.75)


class Stream:
    """A body that comes in pieces, as from a socket, and counts what was read."""

    def __init__(self, data: bytes, piece: int = 1000, fail_at: int | None = None) -> None:
        self._data, self._piece, self._fail_at = io.BytesIO(data), piece, fail_at
        self.taken = 0
        self.largest = 0

    def read(self, size: int) -> bytes:
        assert size > 0
        self.largest = max(self.largest, size)
        if self._fail_at is not None and self.taken >= self._fail_at:
            raise ConnectionResetError("peer")
        part = self._data.read(min(size, self._piece))
        self.taken += len(part)
        return part


class Request:
    def __init__(
        self, data: bytes = PNG, *, method: str = "POST", length: int | None = -1, **stream: Any
    ) -> None:
        self.method = method
        self.content_length = len(data) if length == -1 else length
        self.stream = Stream(data, **stream)


def make(predict=lambda image: [CAN], **changes: Any) -> RequestHandler:
    values: dict[str, Any] = {
        "service": "river", "labels": ("bottle", "can"), "max_request_bytes": 50_000, "max_pixels": 10_000,
    }  # fmt: skip
    return RequestHandler(predict, ScoringSettings(**{**values, **changes}))


def refused(answer, status: int, code: str) -> dict[str, str]:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json"
    assert not any("," in value for value in answer.headers.values())
    error = json.loads(answer.body)["error"]
    assert list(error) == ["code", "message", "id"]
    assert error["code"] == code
    assert len(error["id"]) == 12
    for secret in ("Traceback", 'File "', "/tmp", ".py"):
        assert secret not in answer.body
    return error


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("chunked", [False, True])
def test_detections_come_back(name, chunked):
    seen = []
    handler = make(lambda image: seen.append(image) or [CAN])
    answer = handler(Request(IMAGES[name], length=None if chunked else -1))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert re.fullmatch(r"detector;dur=\d+\.\d\d", answer.headers["Server-Timing"])
    assert answer.body == (
        '[{"xmin": 1.0, "xmax": 20.0, "ymin": 2.0, "ymax": 30.0, "label": "can", "score": 0.75}]'
    )
    assert seen[0].data == IMAGES[name]


def test_generators_tuples_mappings_and_numpy_numbers():
    def predict(image):
        yield Detection(np.float32(1.004), np.float64(2.006), np.int64(3), np.array(4.5), np.str_("can"))
        yield {
            "score": np.float32(0.9),
            "label": "bottle",
            "ymax": 4,
            "ymin": 3,
            "xmax": np.uint8(2),
            "xmin": 1,
        }

    found = json.loads(make(predict)(Request()).body)
    assert found == [
        {"xmin": 1.0, "xmax": 2.01, "ymin": 3.0, "ymax": 4.5, "label": "can"},
        {"xmin": 1.0, "xmax": 2.0, "ymin": 3.0, "ymax": 4.0, "label": "bottle", "score": 0.9},
    ]
    assert list(found[1]) == ["xmin", "xmax", "ymin", "ymax", "label", "score"]
    assert make(lambda image: (CAN,))(Request()).status == 200
    assert make(lambda image: [])(Request()).body == "[]"


def test_labels_are_utf_8_and_any_when_none_is_declared():
    handler = make(lambda image: [Detection(1, 2, 3, 4, "бутылка")], labels=())
    assert '"label": "бутылка"' in handler(Request()).body


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods(method):
    request = Request(method=method)
    answer = make()(request)
    refused(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == "POST"
    assert request.stream.taken == len(PNG)  # read away, so that the client gets the answer


@pytest.mark.parametrize(("length", "data"), [(0, b""), (None, b"")])
def test_empty_body(length, data):
    error = refused(make()(Request(data, length=length)), 400, "empty-body")
    assert "post the bytes of a JPEG" in error["message"]


@pytest.mark.parametrize("data", [b"hello", PNG[:200], encode(scene(), "gif"), b"\xff\xd8\xff\xd9"])
def test_unreadable_image(data, caplog):
    caplog.set_level(logging.INFO)
    error = refused(make()(Request(data)), 400, "unreadable-image")
    assert error["id"] in caplog.text
    assert error["message"] in caplog.text


def test_too_many_pixels():
    error = refused(make(max_pixels=2399)(Request()), 413, "image-too-large")
    assert "2,399" in error["message"]


@pytest.mark.parametrize("chunked", [False, True])
def test_body_too_large(chunked):
    request = Request(bytes(60_000), length=None if chunked else -1)
    error = refused(make()(request), 413, "body-too-large")
    assert "50,000 bytes" in error["message"]
    assert request.stream.taken == 60_000


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_exactly_the_limit(chunked):
    assert make(max_request_bytes=len(PNG))(Request(length=None if chunked else -1)).status == 200
    refused(
        make(max_request_bytes=len(PNG) - 1)(Request(length=None if chunked else -1)), 413, "body-too-large"
    )


def test_a_length_over_the_limit_is_refused_without_holding_the_body():
    request = Request(bytes(10_000_000), piece=10**9)
    refused(make()(request), 413, "body-too-large")
    assert request.stream.largest <= 256 * 1024


def test_a_body_without_end_is_read_to_the_bound():
    class Endless:
        taken = 0

        def read(self, size: int) -> bytes:
            self.taken += min(size, 2**20)
            return bytes(min(size, 2**20))

    request = Request(length=None)
    request.stream = Endless()
    refused(make()(request), 413, "body-too-large")
    assert request.stream.taken == 50_001 + DRAIN_BYTES


def test_a_length_that_cannot_be_drained_is_not_read_at_all():
    request = Request(length=DRAIN_BYTES + 1)
    refused(make()(request), 413, "body-too-large")
    assert request.stream.taken == 0


@pytest.mark.parametrize("chunked", [False, True])
def test_a_connection_that_breaks(chunked):
    request = Request(length=None if chunked else -1, piece=50, fail_at=100)
    refused(make()(request), 400, "incomplete-body")


def test_a_connection_that_breaks_while_drained():
    refused(make()(Request(bytes(60_000), fail_at=5000)), 413, "body-too-large")


def test_a_body_shorter_than_its_length():
    error = refused(make()(Request(length=len(PNG) + 5)), 400, "incomplete-body")
    assert f"{len(PNG) + 5:,}" in error["message"]


def test_a_failing_detector(caplog):
    def predict(image):
        raise ValueError("weights in /tmp/secret.onnx")

    error = refused(make(predict)(Request()), 500, "detector-failed")
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert error["id"] in record.getMessage()
    assert "60 x 40" in record.getMessage()
    assert "weights in /tmp/secret.onnx" in caplog.text
    assert "in predict" in caplog.text


def test_a_generator_that_fails_late(caplog):
    def predict(image):
        yield CAN
        raise KeyError("late")

    refused(make(predict)(Request()), 500, "detector-failed")
    assert "KeyError: 'late'" in caplog.text


@pytest.mark.parametrize(
    ("found", "rule"),
    [
        (None, "answer.list"),
        ({"xmin": 1}, "answer.list"),
        ("[]", "answer.list"),
        (3, "answer.list"),
        ([None], "detection.object"),
        (np.zeros((2, 4)), "detection.object"),
        ([Detection(1, 61, 2, 3, "can")], "detection.inside"),
        ([Detection(1, np.float32("nan"), 2, 3, "can")], "detection.finite"),
        ([Detection(1, 2, 2, 3, "cat")], "detection.label"),
        ([Detection(1, 2, 2, 3, "can", 1.5)], "detection.score"),
        ([CAN.as_dict() | {"class": 2}], "detection.keys"),
        ([CAN.as_dict() | {"xmin": "1"}], "detection.number"),
        ([Detection(10**5000, 2, 2, 3, "can")], "detection.corners"),
        ([Detection(0.1, 0.2, 0.3, 0.4, "can")], "detection.pixels"),
    ],
)
def test_detections_that_break_a_rule(found, rule, caplog):
    error = refused(make(lambda image: found)(Request()), 500, "invalid-detections")
    assert rule in error["message"]
    assert error["id"] in caplog.text
    assert rule in caplog.text


def test_violations_in_the_log_are_counted_and_cut(caplog):
    make(lambda image: [Detection(1, 99, 2, 3, "can")] * 25)(Request())
    assert "detection.inside x25" in caplog.text
    assert "detection 9: xmax 99 is outside the image, which is 60 px wide" in caplog.text
    assert "... and 15 more" in caplog.text
    assert "detection 10:" not in caplog.text


def test_boxes_are_checked_against_the_image_as_displayed():
    turned = encode(scene(), "jpeg", exif=exif(6))  # 60 x 40 stored, 40 x 60 displayed
    handler = make(lambda image: [Detection(0, 40, 0, 60, "can")])
    assert handler(Request(turned)).status == 200
    refused(handler(Request(encode(scene(), "jpeg"))), 500, "invalid-detections")


def test_no_memory_in_the_detector(caplog):
    def predict(image):
        return np.zeros(2**45)

    error = refused(make(predict)(Request()), 500, "out-of-memory")
    assert error["id"] in caplog.text
    assert "in predict" in caplog.text


def test_no_memory_while_decoding(monkeypatch, caplog):
    def no_memory(*_, **__):
        raise MemoryError

    monkeypatch.setattr(handler_module, "open_image", no_memory)
    assert refused(make()(Request()), 500, "out-of-memory")["id"] in caplog.text


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_worker_passes_through_and_leaves_the_place_free(kind):
    calls = []

    def predict(image):
        calls.append(image)
        if len(calls) == 1:
            raise kind
        return []

    handler = make(predict)
    with pytest.raises(kind):
        handler(Request())
    assert handler(Request()).status == 200


@pytest.mark.parametrize("concurrency", [1, 3])
def test_concurrency_is_kept_also_by_generators(concurrency):
    lock = threading.Lock()
    inside = most = 0
    together = threading.Barrier(concurrency)

    def predict(image):
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        together.wait(timeout=20)  # needs exactly `concurrency` threads inside at once
        yield CAN
        with lock:
            inside -= 1

    handler = make(predict, concurrency=concurrency)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(handler(Request()).status))
        for _ in range(4 * concurrency)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert statuses == [200] * (4 * concurrency)
    assert most == concurrency


def test_decoding_goes_on_while_the_detector_is_busy(monkeypatch):
    entered, leave, decoded = threading.Event(), threading.Event(), threading.Event()
    real = handler_module.open_image
    opened = []

    def spy(*args, **kwargs):
        image = real(*args, **kwargs)
        opened.append(image)
        if len(opened) == 2:
            decoded.set()
        return image

    monkeypatch.setattr(handler_module, "open_image", spy)

    def predict(image):
        entered.set()
        assert leave.wait(20)
        return []

    handler = make(predict)
    threads = [threading.Thread(target=handler, args=(Request(),)) for _ in range(2)]
    threads[0].start()
    assert entered.wait(20)
    threads[1].start()
    assert decoded.wait(20)  # the second image is decoded while the first holds the only place
    leave.set()
    for thread in threads:
        thread.join(20)


def test_a_limit_above_that_of_opencv_is_told(monkeypatch, caplog):
    monkeypatch.setenv("OPENCV_IO_MAX_IMAGE_PIXELS", "5000")
    make()
    assert "OPENCV_IO_MAX_IMAGE_PIXELS" in caplog.text


_SCRIPT = """
import logging, logging.config, sys
SETUP
from toc_build.runtime import RequestHandler, ScoringSettings

def predict(image):
    raise RuntimeError("the detector's own words")

class Request:
    method, content_length, stream = "POST", None, sys.stdin.buffer

AFTER
handler = RequestHandler(predict, ScoringSettings("river", (), 10**6, 10**6))
LATER
print(handler(Request()).body)
"""


@pytest.mark.parametrize(
    ("setup", "after", "later"),
    [
        ("", "", ""),
        ("", "", "logging.basicConfig(format='%(message)s')"),
        ("logging.basicConfig(format='%(message)s')", "", ""),
        ("", "logging.config.dictConfig({'version': 1})", ""),  # switches off every logger it does not know
        ("logging.getLogger('azmlinfsrv').addHandler(logging.StreamHandler(sys.stdout))", "", ""),
        ("", "", "sys.stderr = open(2, 'w', closefd=False)"),
    ],
)
def test_the_traceback_is_on_stderr_once_whatever_the_host_configures(setup, after, later):
    code = _SCRIPT.replace("SETUP", setup).replace("AFTER", after).replace("LATER", later)
    done = subprocess.run([sys.executable, "-c", code], input=PNG, capture_output=True, check=True)
    number = json.loads(done.stdout)["error"]["id"].encode()
    assert done.stderr.count(number) == 1
    assert done.stderr.count(b"RuntimeError: the detector's own words") == 1
    assert b"in predict" in done.stderr


def test_a_line_of_our_own_has_time_and_level():
    code = _SCRIPT.replace("SETUP", "").replace("AFTER", "").replace("LATER", "")
    done = subprocess.run(
        [sys.executable, "-c", code], input=b"text", capture_output=True, text=False, check=True
    )
    assert b" I [" in done.stderr  # refusals are told at INFO
    assert b"400 unreadable-image: the body is text" in done.stderr


_inside = st.floats(0, 1, exclude_max=True)


@given(st.lists(st.tuples(_inside, _inside, _inside, _inside, st.floats(0, 1)), max_size=6))
@settings(max_examples=50, deadline=None)
def test_rounding_breaks_no_rule(items):
    """Whatever passed the rules before rounding passes them after."""
    found = []
    for a, b, c, d, score in items:
        x, y = sorted((a * 60, b * 60)), sorted((c * 40, d * 40))
        if x[0] < x[1] and y[0] < y[1]:
            found.append(Detection(x[0], x[1], y[0], y[1], "can", score))
    found.append(Detection(59.991, 60, 0.0, 1e-9, "can", 0.99999))
    answer = make(lambda image: found)(Request())
    assert answer.status == 200
    result = json.loads(answer.body)
    assert check_detections(result, width=60, height=40, labels=("can",)) == []
    assert "-0.0" not in answer.body
    for before, after in zip(found, result, strict=True):
        assert abs(before.xmin - after["xmin"]) <= 0.005 + 1e-9
        assert after["score"] == round(after["score"], 4)
