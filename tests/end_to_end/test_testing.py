"""`toc-build test`: what it runs, what it records, and what it says when something is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support.shell import Run

from toc_build.bundle import open_bundle

pytestmark = pytest.mark.end_to_end


def records(repository: Path) -> list[str]:
    folder = repository / ".toc" / "tests"
    return (
        sorted(json.loads(path.read_text())["digest"] for path in folder.glob("*.json"))
        if folder.exists()
        else []
    )


def test_what_passes_is_on_record_and_what_fails_is_not(
    model_repository: Path, shell: Run, cache: Path
) -> None:
    # Part of the tests is no test of the bundle.
    done = shell(model_repository, "toc_build", "test", "--", "-k", "sample", "-q")
    assert "1 passed" in done.stdout
    assert "contract kept" in done.stdout
    assert records(model_repository) == []

    shell(model_repository, "toc_build", "test", "--no-contract")
    assert records(model_repository) == []

    done = shell(model_repository, "toc_build", "test", "--junit", "out/contract.xml", "--json")
    suite = ET.parse(model_repository / "out" / "contract.xml").getroot()
    report = json.loads(done.stdout)
    assert report["passed"]
    assert int(suite.attrib["tests"]) == len(report["results"]) > 25
    (digest,) = records(model_repository)
    assert f"tested: {digest}" in done.stderr
    bundle = cache / "bundles" / digest.replace(":", "-")
    assert open_bundle(bundle).verify() == []
    assert not list(bundle.rglob("__pycache__")), "testing wrote into the bundle"

    # A detector that breaks the contract, and its own test as well: the first version keeps its record.
    detector = model_repository / "scoring" / "detector.py"
    good = detector.read_text()
    detector.write_text(good.replace("xmin=x, xmax=x + w", "xmin=x + 30, xmax=x + w + 30"))
    done = shell(model_repository, "toc_build", "test", check=False)
    assert done.returncode == 1
    assert "FAILED sample:two: sample." in done.stdout
    assert "contract broken" in done.stdout
    assert records(model_repository) == [digest]

    # The same bundle fails where it once passed: the record is taken back.
    detector.write_text(good)
    test = model_repository / "tests" / "test_detector.py"
    test.write_text(test.read_text().replace("== 2", "== 3"))
    done = shell(model_repository, "toc_build", "test", check=False)
    assert done.returncode == 1
    assert "1 failed" in done.stdout
    assert records(model_repository) == []


def test_a_scorer_that_does_not_start_gives_its_cause(model_repository: Path, shell: Run) -> None:
    script = model_repository / "scoring" / "score.py"
    script.write_text(
        script.read_text().replace('model_path("threshold.json")', 'model_path("treshold.json")')
    )
    done = shell(model_repository, "toc_build", "test", check=False)
    assert done.returncode == 2
    assert "TOC-LOCAL-010" in done.stderr
    assert "treshold.json" in done.stderr
    assert "threshold.json" in done.stderr  # what is there instead


def test_a_repository_that_changes_meanwhile_is_not_on_record(model_repository: Path, shell: Run) -> None:
    test = model_repository / "tests" / "test_change.py"
    test.write_text(
        "from pathlib import Path\n\n\n"
        "def test_change():\n"
        "    path = Path(__file__).parent.parent / 'scoring' / 'detector.py'\n"
        "    path.write_text(path.read_text() + '# saved while the tests ran\\n')\n"
    )
    done = shell(model_repository, "toc_build", "test", check=False)
    assert done.returncode == 2
    assert "TOC-TEST-101" in done.stderr
    assert records(model_repository) == []


def test_a_scorer_that_runs_already(model_repository: Path, shell: Run, free_tcp_port: int) -> None:
    shell(model_repository, "toc_build", "deploy", "--port", str(free_tcp_port))
    uri = f"http://127.0.0.1:{free_tcp_port}/score"
    done = shell(model_repository, "toc_build", "test", "--url", uri)
    assert "contract kept" in done.stdout
    assert "skipped" in done.stdout  # nobody looks into the temporary files of a scorer elsewhere
    assert records(model_repository) == []

    # The lock that the deploy made fits; a change of conda.yml makes it stale, which is known offline.
    assert "fits" in shell(model_repository, "toc_build", "lock").stdout
    conda = model_repository / "conda.yml"
    conda.write_text(conda.read_text() + "      - rich\n")
    done = shell(model_repository, "toc_build", "lock", "--check", check=False)
    assert done.returncode == 2
    assert "TOC-LOCK-004" in done.stderr
    shell(model_repository, "toc_build", "lock")
    assert "\nrich==" in (model_repository / "requirements.lock").read_text()


def test_scoring_and_drawing(model_repository: Path, shell: Run, free_tcp_port: int) -> None:
    done = shell(model_repository, "toc_build", "deploy", "--port", str(free_tcp_port), "--json")
    assert json.loads(done.stdout)["scoring_uri"].endswith(f":{free_tcp_port}/score")
    one = shell(model_repository, "toc_build", "score", "samples/two.png", "--draw", "out/two.png")
    assert [item["label"] for item in json.loads(one.stdout)] == ["thing", "thing"]
    assert (model_repository / "out" / "two.png").stat().st_size > 1000
    (model_repository / "samples" / "again.png").write_bytes(
        (model_repository / "samples" / "two.png").read_bytes()
    )
    both = shell(
        model_repository, "toc_build", "score", "samples/two.png", "samples/again.png", "--draw", "drawn"
    )
    assert set(json.loads(both.stdout)) == {"samples/two.png", "samples/again.png"}
    assert {path.name for path in (model_repository / "drawn").iterdir()} == {"two.png", "again.png"}
    logs = shell(model_repository, "toc_build", "logs", "--tail", "20")
    assert "POST /score 200" in logs.stdout
