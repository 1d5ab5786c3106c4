"""One model repository per rule of the doctor, in which exactly that rule finds something."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from toc_build.deployment.history import History, Result, begin
from toc_build.deployment.records import TestRecord, write_test_record
from toc_build.targets.plan import Cluster


@dataclass(frozen=True)
class Case:
    """One way to break a sound repository.

    Attributes:
        code: of the rule that must find it.
        where: the place that the finding must name, up to its line number.
        break_it: edits the repository.
        seen: the machines, as a target saw them.
        target: planned for; None for the doctor.
        mended: whether `--fix` must mend it.
    """

    code: str
    where: str
    break_it: Callable[[Path], None]
    seen: Cluster | None = None
    target: str | None = None
    mended: bool = False

    @property
    def name(self) -> str:
        return self.code


def deploy(text: str) -> Callable[[Path], None]:
    """Adds to deploy.yml; a text that begins `targets:` takes the place of what is there."""

    def edit(root: Path) -> None:
        path = root / "deploy.yml"
        old = path.read_text()
        if text.startswith("targets:"):
            old = old[: old.index("targets:")]
        path.write_text(old + text)

    return edit


def change(name: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new))

    return edit


def write(name: str, content: str | bytes) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return edit


def both(*edits: Callable[[Path], None]) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        for each in edits:
            each(root)

    return edit


def aks(text: str = "", nodes: str = "Standard_D4s_v3, count: 4") -> Callable[[Path], None]:
    """A target aks on a cluster; two replicas, unless the text says how many."""
    lines = [f"    {line}" for line in text.splitlines()]
    if "replicas" not in text and "autoscale" not in text:
        lines.append("    replicas: 2")
    if nodes:
        lines.append(f"    nodes: {{vm_size: {nodes}}}")
    return deploy("targets:\n  aks:\n    cluster: inference-ml\n" + "\n".join(lines) + "\n")


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True)


def in_git(root: Path) -> None:
    git(root, "init", "-q")
    (root / ".gitignore").write_text(".toc/\n")


def ran(*, init: float = 1.0, answer: float = 0.1) -> Callable[[Path], None]:
    """A successful deployment on record."""

    def edit(root: Path) -> None:
        history = History(root)
        made = begin(
            kind="deploy", target="local", digest="sha256:a", settings={}, revision=None, plan={}, checks={}
        )
        figures = {"median_seconds": answer}
        history.write_end(history.write_start(made), Result.SUCCEEDED, figures=figures, steps={"init": init})

    return edit


def lock(root: Path) -> None:
    """A lock that fits, with what the sound repository imports."""
    from toc_build.environment.lock_file import lock_text
    from toc_build.repository import load

    loaded = load(root)
    packages = ("azureml-inference-server-http", "numpy", "opencv-python-headless")
    body = "".join(f"{name}==4.11 \\\n    --hash=sha256:{'0' * 64}\n" for name in packages)
    loaded.lock_path.write_text(lock_text(loaded.conda, "conda.yml", body))


def tested_before(root: Path) -> None:
    lock(root)
    digest = "sha256:" + "b" * 64
    write_test_record(root, TestRecord.now(digest=digest, python="3.11", contract={}, toc_build="0"))


def wide_sample(root: Path) -> None:
    cv2.imwrite(str(root / "samples" / "wide.png"), np.zeros((1100, 1000), np.uint8))
    change("deploy.yml", "targets:", "scoring:\n  max_megapixels: 1\ntargets:")(root)


def no_expectations(root: Path) -> None:
    (root / "samples" / "two.json").unlink()


def tracked_key(root: Path) -> None:
    in_git(root)
    write("tls/key.pem", "not a key\n")(root)
    deploy(
        "targets:\n  aci:\n    ssl:\n      cname: a.example.org\n      cert_pem_file: tls/cert.pem\n"
        "      key_pem_file: tls/key.pem\n"
    )(root)
    git(root, "add", "-f", "tls/key.pem")


def ignored_weights(root: Path) -> None:
    write("model/weights.onnx", b"x")(root)
    write(".amlignore", "*.onnx\n")(root)


CPU = "scoring/detector.py"
RUN = "scoring/score.py"
CASES = (
    Case(
        "TOC-DOC-101", "deploy.yml: targets -> aks -> nodes -> count", aks(nodes="Standard_D3_v2, count: 2")
    ),
    Case(
        "TOC-DOC-102",
        "deploy.yml: targets -> aks -> autoscale",
        aks("autoscale: {min_replicas: 2, max_replicas: 4}", "Standard_D4s_v3, count: 4, production: false"),
    ),
    Case("TOC-DOC-103", "deploy.yml: targets -> aks -> replicas", aks("replicas: 1")),
    Case("TOC-DOC-104", "deploy.yml: targets -> aks -> cpu_cores", aks("cpu_cores: 4")),
    Case("TOC-DOC-105", "deploy.yml: targets -> aks -> memory_gb", aks("memory_gb: 16")),
    Case("TOC-DOC-106", "deploy.yml: targets -> aks -> gpu_cores", aks("gpu_cores: 1")),
    Case("TOC-DOC-107", "deploy.yml: targets -> aks -> replicas", aks("cpu_cores: 2\nreplicas: 6")),
    Case(
        "TOC-DOC-108", "deploy.yml: targets -> aks -> gpu_cores", aks(nodes="Standard_NC4as_T4_v3, count: 3")
    ),
    Case(
        "TOC-DOC-109",
        "deploy.yml: targets -> aks -> nodes -> vm_size",
        aks(nodes="Standard_D3_v22, count: 3"),
    ),
    Case(
        "TOC-DOC-110",
        "deploy.yml: targets -> aks -> nodes -> vm_size",
        aks("gpu_cores: 1", "Standard_NC6s_v3, count: 3"),
    ),
    Case("TOC-DOC-111", "deploy.yml: azure -> location", deploy("azure:\n  location: northereurope\n")),
    Case(
        "TOC-DOC-112",
        "deploy.yml: targets -> aks -> nodes -> vm_size",
        aks(),
        Cluster("Standard_D4s_v3", 4, True, "polandcentral", frozenset({"Standard_D2s_v3"})),
        "aks",
    ),
    Case(
        "TOC-DOC-113",
        "deploy.yml: targets -> aks -> autoscale -> target_utilization",
        aks("autoscale: {min_replicas: 2, target_utilization: 95}"),
    ),
    Case(
        "TOC-DOC-201",
        "deploy.yml: targets -> aks -> liveness -> initial_delay_seconds",
        both(aks("liveness: {initial_delay_seconds: 5}"), ran(init=30)),
    ),
    Case("TOC-DOC-202", "deploy.yml: targets -> local -> readiness_seconds", ran(init=50)),
    Case(
        "TOC-DOC-203",
        "deploy.yml: targets -> aks -> liveness -> timeout_seconds",
        both(aks(), ran(answer=1.5)),
    ),
    Case("TOC-DOC-204", "deploy.yml: targets -> aks -> scoring_timeout_ms", aks("scoring_timeout_ms: 5000")),
    Case("TOC-DOC-205", "deploy.yml: targets -> aks -> max_queue_wait_ms", aks("max_queue_wait_ms: 90000")),
    Case("TOC-DOC-206", "deploy.yml: judge -> latency_ms", both(deploy("judge:\n  latency_ms: 50\n"), ran())),
    Case(
        "TOC-DOC-207", "deploy.yml: judge -> seconds", both(deploy("judge:\n  seconds: 2\n"), ran(answer=3.0))
    ),
    Case(
        "TOC-DOC-301",
        "deploy.yml: targets -> aci -> cpu_cores",
        both(deploy("targets:\n  aci: {cpu_cores: 1}\nscoring: {workers: 4}\n")),
    ),
    Case(
        "TOC-DOC-302",
        "deploy.yml: scoring -> concurrency",
        both(
            change("deploy.yml", "framework: custom", "framework: litert"),
            change("conda.yml", "      - numpy", "      - ai-edge-litert>=1.3,<3\n      - numpy"),
            write("model/m.tflite", b"x"),
            deploy("scoring:\n  concurrency: 2\n"),
        ),
        mended=True,
    ),
    Case(
        "TOC-DOC-303",
        "deploy.yml: targets -> aci -> memory_gb",
        both(deploy("targets:\n  aci: {memory_gb: 0.2}\n"), write("model/w.bin", bytes(51_000_000))),
    ),
    Case(
        "TOC-DOC-304",
        "deploy.yml: targets -> aks -> max_concurrent_requests_per_container",
        aks("max_concurrent_requests_per_container: 8"),
    ),
    Case(
        "TOC-DOC-305", "deploy.yml: targets -> aci -> cpu_cores", deploy("targets:\n  aci: {cpu_cores: 8}\n")
    ),
    Case(
        "TOC-DOC-401",
        "deploy.yml: targets -> aci -> auth_enabled",
        deploy("targets:\n  aci:\n    auth_enabled: false\n"),
        mended=True,
    ),
    Case(
        "TOC-DOC-402",
        f"{CPU}:",
        change(CPU, "LABEL =", 'KEY = "DefaultEndpointsProtocol=https;AccountKey=abcd"\nLABEL ='),
    ),
    Case("TOC-DOC-403", "model/id_rsa", write("model/id_rsa", "x\n"), mended=True),
    Case("TOC-DOC-404", ".gitignore", lambda root: git(root, "init", "-q"), mended=True),
    Case("TOC-DOC-405", "deploy.yml: targets -> aci -> ssl -> key_pem_file", tracked_key),
    Case(
        "TOC-DOC-407",
        "deploy.yml: image -> signed_by",
        deploy("targets:\n  local: {engine: docker}\nimage: {signed_by: cosign.pub}\n"),
    ),
    Case(
        "TOC-DOC-408",
        "deploy.yml: targets -> aci",
        deploy("targets:\n  aci: {}\nimage: {signed_by: cosign.pub}\n"),
    ),
    Case(
        "TOC-DOC-501",
        "conda.yml: dependencies -> item 3 -> pip -> item 3",
        change("conda.yml", "opencv-python-headless>=4.10", "opencv-python-headless"),
    ),
    Case(
        "TOC-DOC-502",
        "conda.yml: dependencies -> item 3 -> pip -> item 2",
        change("conda.yml", "      - numpy", "      - azureml-core>=1.60,<2\n      - numpy"),
    ),
    Case("TOC-DOC-503", "deploy.yml: targets -> aci", deploy("targets:\n  aci:\n"), target="aci"),
    Case("TOC-DOC-504", "deploy.yml: targets -> aks", aks(), target="aks"),
    Case("TOC-DOC-505", f"{CPU}:", both(lock, change(CPU, "import json", "import json\nimport skimage"))),
    Case(
        "TOC-DOC-506",
        "conda.yml: dependencies -> item 3 -> pip -> item 2",
        both(aks(), change("conda.yml", "      - numpy", "      - onnxruntime-gpu>=1.21,<2\n      - numpy")),
    ),
    Case("TOC-DOC-601", f"{RUN}:", change(RUN, "def run(request)", "def score(request)")),
    Case("TOC-DOC-602", f"{CPU}:", change(CPU, "class Detector:", "class Detector")),
    Case(
        "TOC-DOC-603",
        f"{CPU}:",
        change(CPU, "        mask =", "        self.model = load_model('m')\n        mask ="),
    ),
    Case("TOC-DOC-604", f"{CPU}:", change(CPU, "LABEL =", 'W = "/home/anna/weights.json"\nLABEL =')),
    Case("TOC-DOC-605", f"{CPU}:", change(CPU, "import json", "import json\nfrom azureml.core import Model")),
    Case("TOC-DOC-606", f"{CPU}:", change(CPU, "LABEL =", 'W = "azureml-models/litter/3/m.pb"\nLABEL =')),
    Case("TOC-DOC-607", f"{RUN}:", change(RUN, "threshold.json", "thresholds.json")),
    Case("TOC-DOC-608", "scoring/config.json", write("scoring/config.json", "{}\n")),
    Case("TOC-DOC-609", "scoring/logging.py:", write("scoring/logging.py", "X = 1\n")),
    Case(
        "TOC-DOC-701",
        "model/w.bin",
        both(in_git, write("model/w.bin", bytes(21_000_000))),
        mended=True,
    ),
    Case("TOC-DOC-702", "scoring/data.bin", write("scoring/data.bin", bytes(6_000_000))),
    Case(
        "TOC-DOC-703",
        "model/linked.json",
        lambda root: (root / "model" / "linked.json").symlink_to("/etc/hostname"),
    ),
    Case(
        "TOC-DOC-704",
        "scoring/helper.py",
        both(write("scoring/helper.py", ""), write("scoring/Helper.py", "")),
    ),
    Case("TOC-DOC-801", "samples", no_expectations),
    Case("TOC-DOC-802", "deploy.yml: scoring -> max_megapixels", wide_sample),
    Case("TOC-DOC-803", "tests", write("tests/test_detector.py", "")),
    Case(
        "TOC-DOC-804",
        "deploy.yml: model -> labels -> item 2",
        change("deploy.yml", "labels: [thing]", "labels: [thing, Thing]"),
    ),
    Case("TOC-DOC-805", ".toc/tests", tested_before),
    Case("TOC-DOC-806", ".amlignore", ignored_weights),
)
