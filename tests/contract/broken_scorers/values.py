"""Scorers whose numbers, labels or JSON values are wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from support.contract_registry import broken
from support.contract_scorer import LABELS, ColourBlobs, find_blobs

from toc_build.runtime import Detection


class Edited(ColourBlobs):
    """The right answer, each detection edited by `edit` when it is a plain dict already."""

    def encode(self, detections):
        for number, detection in enumerate(detections):
            self.edit(detection, number)
        return super().encode(detections)

    def edit(self, detection, number):
        raise NotImplementedError


@broken("answer.json")
class NotANumber(Edited):
    """A score is NaN, and json.dumps writes it."""

    def edit(self, detection, number):
        detection["score"] = float("nan")


@broken("answer.json")
class Infinite(Edited):
    """A coordinate is infinite, and json.dumps writes it."""

    def edit(self, detection, number):
        detection["xmax"] = float("inf")


@broken("detection.finite")
class InfiniteInDisguise(Edited):
    """A coordinate is written as 1e999: JSON by the letter, and infinite for who reads it."""

    def encode(self, detections):
        reply = ColourBlobs.encode(self, detections)
        reply.body = reply.body.replace(b'"ymax": ', b'"ymax": 1e999, "_": ').replace(b'"_": ', b'"score": ')
        return reply


@broken("detection.number")
class StringNumbers(Edited):
    """Coordinates are strings."""

    def edit(self, detection, number):
        detection["xmin"] = str(detection["xmin"])


@broken("detection.number")
class BooleanCoordinates(Edited):
    """A comparison slipped into a coordinate."""

    def edit(self, detection, number):
        detection["ymin"] = detection["ymin"] > 300


@broken("detection.number")
class NullScore(Edited):
    """A missing score is null instead of left out."""

    def edit(self, detection, number):
        detection["score"] = None


@broken("detection.score")
class Percentage(Edited):
    """Scores are percentages."""

    def edit(self, detection, number):
        detection["score"] *= 100


@broken("detection.score")
class Logit(Edited):
    """Scores are logits, and the weaker ones negative."""

    def edit(self, detection, number):
        detection["score"] = -1.5


@broken("detection.label")
class UnknownLabel(Edited):
    """A label that deploy.yml does not declare."""

    def edit(self, detection, number):
        detection["label"] = "crocodile"


@broken("detection.label")
class LabelInCapitals(Edited):
    """Labels are written in capitals."""

    def edit(self, detection, number):
        detection["label"] = detection["label"].upper()


@broken("detection.label")
class LabelNumber(Edited):
    """The class number is answered in place of the label."""

    def edit(self, detection, number):
        detection["label"] = LABELS.index(detection["label"])


@broken("sample.label-offset")
class LabelOneTooHigh(Edited):
    """Class numbers count from one, as with a background class."""

    def edit(self, detection, number):
        detection["label"] = LABELS[(LABELS.index(detection["label"]) + 1) % len(LABELS)]


@broken("sample.label-offset")
class LabelOneTooLow(Edited):
    """The background class is subtracted from class numbers that do not count it."""

    def edit(self, detection, number):
        detection["label"] = LABELS[LABELS.index(detection["label"]) - 1]


@broken("sample.label")
class AlwaysTheFirstLabel(Edited):
    """Whatever it is, it is red."""

    def edit(self, detection, number):
        detection["label"] = "red"


@broken("sample.channel-order")
class ChannelsExchanged(ColourBlobs):
    """A model trained on RGB is given BGR."""

    def detect(self, image):
        return find_blobs(image.rgb)


@broken("sample.score")
class ScoresNotNormalised(Edited):
    """The last activation is forgotten, so scores are much too low."""

    def edit(self, detection, number):
        detection["score"] = 0.01 * number


@broken("sample.missing")
class FindsNothing(ColourBlobs):
    """Always an empty list: the threshold is above every score."""

    def detect(self, image):
        return []


@broken("sample.missing")
class OnlyTheBest(ColourBlobs):
    """Only the detection with the highest score is answered."""

    def detect(self, image):
        return sorted(super().detect(image), key=lambda d: -d.score)[:1]


@broken("sample.unexpected")
class NoSuppression(ColourBlobs):
    """NMS is missing: every object is found twice, a pixel apart."""

    def detect(self, image):
        found = super().detect(image)
        return [*found, *(replace(d, xmax=d.xmax - 1) for d in found)]


@broken("sample.unexpected")
class SeesGhosts(ColourBlobs):
    """The threshold is too low: the whole image is a detection as well."""

    def detect(self, image):
        return [*super().detect(image), Detection(0, image.width, 0, image.height, "white", 0.05)]


@broken("detection.number")
class NumpyText(Edited):
    """json.dumps(default=str) makes text of numpy numbers."""

    def edit(self, detection, number):
        detection["score"] = str(np.float32(detection["score"]))
