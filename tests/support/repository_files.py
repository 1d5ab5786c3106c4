"""A model repository that is in order, small, with every part of deploy.yml in use; tests then break it."""

from __future__ import annotations

from pathlib import Path

DEPLOY = """\
# yaml-language-server: $schema=.schema/deploy.json
service:
  name: river-litter
  description: Finds litter in rivers
  owner: ocean-team
model:
  name: river-litter
  framework: tensorflow
  path: model
  labels: [bottle, can, bag]
scoring:
  script: scoring/score.py
  max_request_mb: 20
  max_megapixels: 50
  workers: 1
  threads: 4
  concurrency: 1
  timeout_seconds: 60
environment:
  conda: conda.yml
  lock: requirements.lock
samples:
  path: samples
  min_iou: 0.5
  score_tolerance: 0.2
azure:
  subscription_id: ${AZURE_SUBSCRIPTION_ID}
  resource_group: rivers
  workspace_name: ${WORKSPACE}
  location: northeurope
targets:
  local:
    port: 8890
    readiness_seconds: 120
  aci:
    cpu_cores: 1
    memory_gb: 2
    auth_enabled: true
    tags:
      team: ocean
  aks:
    compute_target_name: inference-ml
    namespace: litter
    autoscale:
      min_replicas: 2
      max_replicas: 5
    cpu_cores: 0.5
    cpu_cores_limit: 1
    memory_gb: 2
    auth: key
"""
CONDA = """\
name: river-litter
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - pip:
      - azureml-inference-server-http>=1.5,<2
      - numpy>=1.26,<2.3.3
      - opencv-python-headless>=4.10
      - tensorflow-cpu>=2.16
"""


def line_of(text: str, part: str) -> int:
    """The line, counted from 1, in which `part` first stands."""
    return text[: text.index(part)].count("\n") + 1


def write_repository(folder: Path, *, deploy: str = DEPLOY, conda: str = CONDA) -> Path:
    """Writes the whole repository without a lock and returns its folder."""
    files = {
        "deploy.yml": deploy,
        "conda.yml": conda,
        "scoring/score.py": "def init(): ...\ndef run(request): ...\n",
        "model/saved_model/saved_model.pb": "a graph\n",
        "samples/river.jpg": "a picture\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
