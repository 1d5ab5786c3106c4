"""Scores samples in one process, with the packages of an image: run as a program by `reference`.

`<python> -S -B reference_runner.py PACKAGES SCRIPT`, the samples' paths on standard input, one a line. Prints
`@answers ` and a JSON list of status and body at the end. Standard library and the image's packages only.
"""

from __future__ import annotations

import importlib.util
import json
import os
import site
import sys
from typing import Any


def main() -> None:
    """Score and print."""
    packages, script = sys.argv[1:]
    samples = sys.stdin.read().splitlines()
    sys.path[0] = packages  # in place of this file's folder
    site.addsitedir(packages)
    sys.path.append(os.environ["AML_APP_ROOT"])

    spec = importlib.util.spec_from_file_location("scoring_script", script)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{script} is no Python module")
    scorer: Any = importlib.util.module_from_spec(spec)
    sys.modules["scoring_script"] = scorer
    spec.loader.exec_module(scorer)
    scorer.init()
    answers = [_score(scorer, sample) for sample in samples]
    sys.stdout.write(f"\n@answers {json.dumps(answers)}\n")
    sys.stdout.flush()
    os._exit(0)  # some libraries are slow, or crash, when they are taken down


def _score(scorer: Any, sample: str) -> list[Any]:
    from flask import Flask, request
    from werkzeug.test import EnvironBuilder

    with open(sample, "rb") as stream:  # noqa: PTH123 - as plain as can be
        data = stream.read()
    builder = EnvironBuilder("/score", method="POST", data=data, content_type="application/octet-stream")
    with Flask("reference").request_context(builder.get_environ()):
        answer = scorer.run(request)
    if not hasattr(answer, "get_data"):
        return [200, answer]
    body = answer.get_data().decode("utf-8", "replace")
    try:
        return [answer.status_code, json.loads(body)]
    except ValueError:
        return [answer.status_code, body]


if __name__ == "__main__":
    main()
