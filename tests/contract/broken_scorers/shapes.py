"""Scorers whose answer is not a JSON list of detections, or not JSON at all."""

from __future__ import annotations

import gzip
import json

from support.contract_registry import broken
from support.contract_scorer import ColourBlobs, Reply, as_json


@broken("answer.list")
class DictByNumber(ColourBlobs):
    """A dict of detections instead of a list."""

    def encode(self, detections):
        return as_json({str(number): detection for number, detection in enumerate(detections)})


@broken("answer.list")
class Wrapped(ColourBlobs):
    """The list is wrapped in {"detections": [...]}."""

    def encode(self, detections):
        return as_json({"detections": detections})


@broken("answer.list")
class EncodedTwice(ColourBlobs):
    """The list is encoded twice, so the answer is a string."""

    def encode(self, detections):
        return as_json(json.dumps(detections))


@broken("answer.list")
class NullForNothing(ColourBlobs):
    """null instead of an empty list when nothing is found."""

    def encode(self, detections):
        return as_json(detections or None)


@broken("detection.object")
class NestedList(ColourBlobs):
    """A list per image of the batch, though only one image was posted."""

    def encode(self, detections):
        return as_json([detections])


@broken("detection.object")
class Rows(ColourBlobs):
    """Detections are rows of numbers."""

    def encode(self, detections):
        return as_json([list(detection.values()) for detection in detections])


@broken("detection.keys")
class MissingKey(ColourBlobs):
    """ymax is left out."""

    def encode(self, detections):
        return as_json([{key: value for key, value in d.items() if key != "ymax"} for d in detections])


@broken("detection.keys")
class ExtraKey(ColourBlobs):
    """A nested key that nobody agreed on."""

    def encode(self, detections):
        return as_json([{**detection, "meta": {"model": "v2"}} for detection in detections])


@broken("detection.keys")
class BoxInOneKey(ColourBlobs):
    """The box is a list under "bbox"."""

    def encode(self, detections):
        return as_json(
            [{"bbox": [d["xmin"], d["ymin"], d["xmax"], d["ymax"]], "label": d["label"]} for d in detections]
        )


@broken("answer.json")
class TrailingGarbage(ColourBlobs):
    """A log line follows the JSON."""

    def encode(self, detections):
        reply = as_json(detections)
        reply.body += b"\ninference took 12 ms\n"
        return reply


@broken("answer.json")
class OneLineEach(ColourBlobs):
    """One JSON object per line."""

    def encode(self, detections):
        lines = "\n".join(json.dumps(detection) for detection in detections)
        return Reply(200, lines.encode(), {"Content-Type": "application/json"})


@broken("answer.json")
class PythonText(ColourBlobs):
    """str(list) instead of json.dumps(list): single quotes."""

    def encode(self, detections):
        return Reply(200, str(detections).encode(), {"Content-Type": "application/json"})


@broken("answer.json")
class EmptyAnswer(ColourBlobs):
    """Status 200 and no body: run() returned nothing."""

    def encode(self, detections):
        return Reply(200, b"", {"Content-Type": "application/json"})


@broken("answer.encoding")
class CompressedInSilence(ColourBlobs):
    """The answer is compressed, and no header says so."""

    def encode(self, detections):
        return Reply(
            200, gzip.compress(json.dumps(detections).encode()), {"Content-Type": "application/json"}
        )


@broken("answer.encoding")
class Utf16(ColourBlobs):
    """The answer is UTF-16."""

    def encode(self, detections):
        return Reply(200, json.dumps(detections).encode("utf-16"), {"Content-Type": "application/json"})


@broken("answer.content-type")
class DeclaredAsHtml(ColourBlobs):
    """Good JSON, declared as text/html: an AMLResponse without headers."""

    def encode(self, detections):
        return Reply(200, json.dumps(detections).encode(), {"Content-Type": "text/html; charset=utf-8"})


@broken("answer.content-type")
class NoContentType(ColourBlobs):
    """Good JSON without Content-Type."""

    def encode(self, detections):
        return Reply(200, json.dumps(detections).encode())


@broken("answer.content-type")
class ErrorPageAsSuccess(ColourBlobs):
    """An HTML error page with status 200."""

    def encode(self, detections):
        page = b"<!doctype html><html><body><h1>Internal Server Error</h1></body></html>"
        return Reply(200, page, {"Content-Type": "text/html"})


@broken("answer.status")
class Created(ColourBlobs):
    """Status 201: a detection is no new resource."""

    def encode(self, detections):
        return as_json(detections, 201)


@broken("answer.status")
class FailsOnEveryImage(ColourBlobs):
    """The detector raises on every image."""

    def encode(self, detections):
        return as_json({"error": "detector-failed"}, 500)
