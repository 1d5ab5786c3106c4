"""Every rule of the contract by name: what it asks of a scorer, and what to do when it is broken.

The cases raise `Breach(rule, ...)`; reports, the console and the reference documentation read `RULES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Rule:
    """One thing every scorer must do.

    Attributes:
        name: `<area>.<what>`, stable.
        asks: what a scorer must do, one sentence.
        fix: what to do when it does not.
    """

    name: str
    asks: str
    fix: str


class Breach(Exception):  # noqa: N818 - what a case found out about a scorer, not an error of the case
    """A rule is broken.

    Args:
        rule: a key of `RULES`.
        reason: what was seen, with the evidence.
        fix: what to do, where the evidence allows better advice than the rule's own.

    Raises:
        KeyError: there is no such rule.
    """

    def __init__(self, rule: str, reason: str, *, fix: str | None = None) -> None:
        super().__init__(reason)
        self.rule = rule
        self.reason = reason
        self.fix = fix if fix is not None else RULES[rule].fix


class CannotTell(Exception):  # noqa: N818 - an outcome as well
    """The case cannot be judged here; the message says why. It is reported as skipped, never as passed."""


_HANDLER = "let toc_build.runtime's RequestHandler answer the request, as the template's score.py does"

_ALL = (
    # -- the answer to a valid image
    Rule(
        "answer.missing",
        "every request is answered",
        "look in the scorer's log: the process or its worker ended, or closed the connection",
    ),
    Rule(
        "answer.timeout",
        "every request is answered within the time limit",
        "make the detector faster, give it more CPU, or raise scoring -> timeout_seconds in deploy.yml",
    ),
    Rule(
        "answer.status",
        "a valid image is answered with status 200",
        "mend what the scorer's log names for this request: `toc-build logs`",
    ),
    Rule(
        "answer.content-type",
        "detections are answered as application/json",
        "send the header Content-Type: application/json; an AMLResponse needs it in its third argument",
    ),
    Rule(
        "answer.encoding",
        "an answer is UTF-8 text, not compressed unless Content-Encoding says so",
        "encode the answer as UTF-8 and do not compress it",
    ),
    Rule(
        "answer.json",
        "an answer is one strict JSON document; NaN and Infinity are not JSON",
        "make the body with json.dumps(..., allow_nan=False) and send nothing else",
    ),
    Rule(
        "answer.list",
        "the answer is a JSON list of detections, empty when nothing is found",
        "answer the list itself, not an object around it",
    ),
    # -- one detection (checked by toc_build.runtime.check_detections)
    Rule(
        "detection.object",
        "each detection is a JSON object",
        "answer a flat list of objects with xmin, xmax, ymin, ymax, label and score",
    ),
    Rule(
        "detection.keys",
        "each detection has xmin, xmax, ymin, ymax, label, may have score, and nothing else",
        "build detections with toc_build.runtime.Detection",
    ),
    Rule(
        "detection.number",
        "coordinates and scores are JSON numbers",
        "convert them with float() before they are answered; strings and booleans are not numbers",
    ),
    Rule(
        "detection.finite",
        "coordinates and scores are finite",
        "drop detections whose box or score is NaN or infinite, and find out why the model gives them",
    ),
    Rule(
        "detection.corners",
        "xmin < xmax and ymin < ymax",
        "check the order in which the model's four numbers are read",
    ),
    Rule(
        "detection.pixels",
        "boxes are in pixels of the posted image, not in 0..1",
        "multiply x by the image's width and y by its height",
    ),
    Rule(
        "detection.inside",
        "boxes lie inside the posted image",
        "scale boxes back to the posted image (toc_build.runtime.unletterbox), then clip them (clip_boxes)",
    ),
    Rule(
        "detection.label",
        "labels are among the declared ones",
        "make the detector's labels equal to model -> labels in deploy.yml, letter by letter",
    ),
    Rule(
        "detection.score",
        "a score is between 0 and 1",
        "answer the probability, not a logit or a percentage",
    ),
    # -- answers compared with one another
    Rule(
        "answer.repeatable",
        "the same image gets the same answer again",
        "switch off dropout, augmentation and every other source of chance; fix the seed",
    ),
    Rule(
        "answer.independent",
        "an answer depends on its own request alone",
        "keep nothing between requests: look for module globals, lists that grow, caches and re-used buffers",
    ),
    Rule(
        "answer.concurrent",
        "requests that arrive at once get the answers they get one by one",
        "set scoring -> concurrency to 1 in deploy.yml, or use no shared state (one interpreter per thread)",
    ),
    Rule(
        "answer.keep-alive",
        "several requests over one connection are answered as over several",
        "read the whole body before answering, or close the connection after the answer",
    ),
    # -- what is posted
    Rule(
        "format.refused",
        "JPEG, PNG, WebP, TIFF and BMP are scored, in grey, 16 bits, with alpha and in CMYK too",
        "decode with toc_build.runtime.open_image, which always gives height x width x 3 bytes",
    ),
    Rule(
        "format.same",
        "the same picture gets the same detections in every format",
        "decode with toc_build.runtime.open_image: alpha dropped, 16 bits scaled to 8, CMYK converted",
    ),
    Rule(
        "format.orientation",
        "a photograph is scored as it is displayed: its EXIF orientation is applied",
        "decode with toc_build.runtime.open_image, or apply PIL.ImageOps.exif_transpose",
    ),
    Rule(
        "image.tiny",
        "an image of any size is scored, also of one pixel or one row",
        "check the resizing: no side may be rounded down to 0",
    ),
    Rule(
        "request.content-type",
        "the body decides what was posted, whatever Content-Type says",
        "read the body as bytes; do not look at Content-Type and do not parse forms",
    ),
    # -- what must be refused
    Rule(
        "refusal.accepted",
        "a body that is no complete image is refused",
        _HANDLER + ": 400 for what cannot be decoded",
    ),
    Rule(
        "refusal.crashed",
        "a body that is no complete image is the caller's mistake: 400, not 5xx",
        _HANDLER + ": 400 for what cannot be decoded",
    ),
    Rule(
        "refusal.status",
        "a body that is no complete image is refused with status 400",
        _HANDLER + ": 400 for what cannot be decoded",
    ),
    Rule(
        "limit.bytes",
        "a body above the limit is refused with status 413",
        _HANDLER + ": it refuses by Content-Length, before reading",
    ),
    Rule(
        "limit.pixels",
        "an image above the pixel limit is refused with status 413",
        _HANDLER + ": it reads width and height from the header, before decoding",
    ),
    Rule(
        "limit.slow",
        "an image above the pixel limit is refused at once, not after decoding it",
        _HANDLER + ": it reads width and height from the header, before decoding",
    ),
    Rule("method.refused", "GET is answered with status 405", _HANDLER + ": 405 for every method but POST"),
    Rule(
        "method.allow",
        "status 405 comes with the header Allow: POST",
        _HANDLER + ": it adds the Allow header",
    ),
    Rule(
        "error.traceback",
        "an error answer shows no traceback",
        "log the traceback and answer an id that is found in the log",
    ),
    Rule(
        "error.html",
        "an error answer is not an HTML page",
        'answer errors as JSON: {"error": {"code": ..., "message": ...}}',
    ),
    # -- samples
    Rule(
        "sample.missing",
        "every expected detection of a sample is answered",
        "look at it with `toc-build score --draw`; mend the detector or its threshold, or the sample's .json",
    ),
    Rule(
        "sample.unexpected",
        "nothing but the expected detections of a sample is answered",
        "look at it with `toc-build score --draw`; apply NMS, raise the threshold, or mend the .json",
    ),
    Rule(
        "sample.label",
        "expected detections have the expected label",
        "check the order of model -> labels in deploy.yml against the order the model was trained with",
    ),
    Rule(
        "sample.iou",
        "answered boxes lie where the expected ones do",
        "check how boxes are scaled back to the posted image (toc_build.runtime.unletterbox)",
    ),
    Rule(
        "sample.score",
        "scores are the expected ones, within samples -> score_tolerance",
        "check the preprocessing (range, mean, channels), or write the new scores into the sample's .json",
    ),
    Rule(
        "sample.box-convention",
        "boxes are xmin, xmax, ymin, ymax in pixels of the posted image",
        "convert the boxes before they are answered",
    ),
    Rule(
        "sample.label-offset",
        "label numbers count in the declared order",
        "shift the label index by one; models trained with a background class count from 1",
    ),
    Rule(
        "sample.channel-order",
        "the model gets its colour channels in the order it was trained with",
        "give the detector image.rgb instead of image.bgr, or the other way round",
    ),
    # -- the service
    Rule(
        "service.alive",
        "the scorer outlives every request",
        "look at the end of the scorer's log, and at the memory it may use",
    ),
    Rule(
        "service.survives",
        "after everything it refused, the scorer still answers a good image as at the start",
        "look in the scorer's log for what changed; keep nothing between requests",
    ),
    Rule(
        "temp.leak",
        "a request leaves no temporary file behind",
        "use `with image.as_file() as path:`, which removes the file, or delete it in a finally block",
    ),
)

#: Every rule by its name.
RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in _ALL})
