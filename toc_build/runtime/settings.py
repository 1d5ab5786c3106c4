"""What a scorer must know of `deploy.yml`: written into the bundle as `scoring.json`, read by `init()`.

Standard library only: the bundle's maker imports this as well.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

SETTINGS_FILE = "scoring.json"
SETTINGS_VARIABLE = "TOC_SCORING_SETTINGS"


class SettingsError(RuntimeError):
    """The scoring settings are not there, or are not what they should be; the message says what to do."""


@dataclass(frozen=True)
class ScoringSettings:
    """The limits and labels of one service.

    Attributes:
        service: name of the service.
        labels: the declared labels, in the order of the model's classes; empty allows any label.
        max_request_bytes: a longer body is refused with 413.
        max_pixels: an image with more is refused with 413.
        concurrency: how many requests may be inside the detector at once, in one worker.

    Raises:
        ValueError: a value of the wrong type, or a limit below 1.
    """

    service: str
    labels: tuple[str, ...]
    max_request_bytes: int
    max_pixels: int
    concurrency: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.service, str) or not self.service:
            raise ValueError(f"service must be a name, not {self.service!r}")
        if not isinstance(self.labels, tuple) or not all(isinstance(item, str) for item in self.labels):
            raise ValueError(f"labels must be a tuple of texts, not {self.labels!r}")
        for name in ("max_request_bytes", "max_pixels", "concurrency"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")

    def to_json(self) -> str:
        """The settings as text; equal settings give equal bytes."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> ScoringSettings:
        """Reads what `to_json` wrote.

        Raises:
            SettingsError: not JSON, a key that is missing or unknown, or a value that is not allowed.
        """
        try:
            values = json.loads(text)
        except ValueError as error:
            raise SettingsError(f"the scoring settings are not JSON: {error}.") from None
        if not isinstance(values, dict):
            raise SettingsError("the scoring settings are not a JSON object.")
        known = {field.name for field in fields(cls)}
        wrong = sorted(known.symmetric_difference(values) - {"concurrency"})
        if wrong:
            raise SettingsError(f"the scoring settings have a missing or unknown key: {', '.join(wrong)}.")
        if isinstance(values["labels"], list):
            values["labels"] = tuple(values["labels"])
        try:
            return cls(**values)
        except ValueError as error:
            raise SettingsError(f"the scoring settings are wrong: {error}.") from None


def load_settings() -> ScoringSettings:
    """The settings of this scorer; call it in `init()`.

    They are in the file that the environment variable TOC_SCORING_SETTINGS names, else in `scoring.json` in
    AML_APP_ROOT or beside the scoring code (the folder that holds the bundle's `toc_build/`).

    Raises:
        SettingsError: there are none, or they cannot be read.
    """
    named = os.environ.get(SETTINGS_VARIABLE)
    places = [Path(named)] if named else list(_places())
    for place in places:
        try:
            return ScoringSettings.from_json(place.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise SettingsError(f"{place} cannot be read: {error.strerror}.") from None
        except SettingsError as error:
            raise SettingsError(f"{place}: {error} It is made from deploy.yml; make it anew.") from None
    looked = " and ".join(str(place) for place in places)
    why = f" ({SETTINGS_VARIABLE} names it)" if named else ""
    raise SettingsError(
        f"no scoring settings: there is no {looked}{why}. They are made from deploy.yml when the scorer is "
        "started by toc-build: run the tests with `nox -s test`, and the scorer with `nox -s serve` or "
        "`nox -s deploy_local`, instead of pytest or the server alone."
    )


def _places() -> Iterable[Path]:
    root = os.environ.get("AML_APP_ROOT")
    if root:
        yield Path(root) / SETTINGS_FILE
    beside = Path(__file__).resolve().parents[2] / SETTINGS_FILE
    if not root or beside != Path(root).resolve() / SETTINGS_FILE:
        yield beside
