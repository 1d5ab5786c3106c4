# ruff: noqa: E501, ERA001 - a table is read by its columns, and its headings name files
"""Every kind of mistake that people make in deploy.yml and conda.yml, and what they are told about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from support.repository_files import CONDA, DEPLOY, line_of, write_repository

from toc_build.errors import RepositoryError
from toc_build.repository import load


@dataclass(frozen=True)
class Mistake:
    """An edit to a good file, and what must be said about it.

    `at` is a part of the edited text that stands in the line that must be named.
    """

    name: str
    old: str
    new: str
    code: str
    at: str
    keys: str
    says: str
    remedy: str
    file: str = "deploy.yml"

    @property
    def text(self) -> str:
        """The file with the mistake in it."""
        good = DEPLOY if self.file == "deploy.yml" else CONDA
        assert good.count(self.old) == 1, f"{self.old!r} must stand once in the good file"
        return good.replace(self.old, self.new)


def conda(name: str, old: str, new: str, code: str, at: str, keys: str, says: str, remedy: str) -> Mistake:
    return Mistake(name, old, new, code, at, keys, says, remedy, file="conda.yml")


PIP = "      - numpy>=1.26,<2.3.3\n"
NUMPY = "dependencies -> item 3 -> pip -> item 2"
LAST = "dependencies -> item 3 -> pip -> item 5"
TF = "      - tensorflow-cpu>=2.16\n"
LABELS = "labels: [bottle, can, bag]"

MISTAKES = [
    # not YAML
    Mistake("tab", "  name: river-litter\n  desc", "\tname: river-litter\n  desc", "TOC-DEPLOY-004", "\tname", "", "a tab", "spaces"),
    Mistake("bad indent", "  owner: ocean-team", " owner: ocean-team", "TOC-DEPLOY-004", " owner:", "", "indented", "like its neighbours"),
    Mistake("unclosed quote", "owner: ocean-team", 'owner: "ocean-team', "TOC-DEPLOY-004", "owner:", "", "never closed", "close"),
    Mistake("unclosed bracket", LABELS, "labels: [bottle, can", "TOC-DEPLOY-004", "labels:", "", "never closed", "close"),
    Mistake("colon in text", "Finds litter in rivers", "Litter: in rivers", "TOC-DEPLOY-004", "Litter:", "", "a colon", "quotes"),
    Mistake("no colon", "  owner: ocean-team\n", "  owner ocean-team\n", "TOC-DEPLOY-004", "owner ocean", "", "no colon", "key: value"),
    Mistake("unknown alias", "owner: ocean-team", "owner: *team", "TOC-DEPLOY-004", "*team", "", "alias", "anchor"),
    Mistake("bare reference in braces", "  aci:\n    cpu_cores: 1\n    memory_gb: 2\n    auth_enabled: true\n    tags:\n      team: ocean\n", "  aci: {location: ${REGION}}\n", "TOC-DEPLOY-004", "${REGION}", "", "brace", "quotes"),
    Mistake("two documents", "model:\n", "---\nmodel:\n", "TOC-DEPLOY-004", "---", "", "second document", "one document"),
    Mistake("duplicate key", "  owner: ocean-team\n", "  owner: ocean-team\n  owner: river-team\n", "TOC-DEPLOY-005", "owner: river-team", "service -> owner", "line 5", "one of the two"),
    Mistake("foreign tag", "owner: ocean-team", "owner: !vault ocean-team", "TOC-DEPLOY-008", "!vault", "service -> owner", "!vault", "remove it"),
    # keys
    Mistake("key misspelt", "  threads: 4", "  thread: 4", "TOC-DEPLOY-010", "thread: 4", "scoring -> thread", "no key `thread`", "did you mean `threads`"),
    Mistake("section misspelt", "scoring:\n", "scorings:\n", "TOC-DEPLOY-010", "scorings:", "scorings", "at the top", "did you mean `scoring`"),
    Mistake("key of the SDK", "    autoscale:\n      min_replicas: 2\n      max_replicas: 5\n", "    num_replicas: 2\n", "TOC-DEPLOY-010", "num_replicas", "targets -> aks -> num_replicas", "no key `num_replicas`", "called `replicas`"),
    Mistake("key in the wrong section", "  owner: ocean-team\n", "  owner: ocean-team\n  labels: [a]\n", "TOC-DEPLOY-010", "labels: [a]", "service -> labels", "no key `labels`", "belongs under `model`"),
    Mistake("unknown key", "  workers: 1", "  colour: blue", "TOC-DEPLOY-010", "colour", "scoring -> colour", "no key `colour`", "the keys here are script"),
    Mistake("unknown target", "  aci:\n", "  gke:\n", "TOC-DEPLOY-010", "gke", "targets -> gke", "no key `gke`", "local, aci, aks"),
    Mistake("both names of the cluster", "    namespace: litter", "    cluster: inference-ml", "TOC-DEPLOY-010", "    cluster", "targets -> aks -> cluster", "same key", "one of the two"),
    Mistake("required key missing", f"  {LABELS}\n", "", "TOC-DEPLOY-011", "model:", "model -> labels", "`labels` is missing", "labels: [bottle, can]"),
    Mistake("required section missing", "service:\n  name: river-litter\n  description: Finds litter in rivers\n  owner: ocean-team\n", "", "TOC-DEPLOY-011", "# yaml", "service", "`service` is missing", "add the section `service:`"),
    # types
    Mistake("text for a number", "threads: 4", "threads: four", "TOC-DEPLOY-012", "four", "scoring -> threads", "'four'; it must be a whole number", "without quotes"),
    Mistake("quoted number", "max_request_mb: 20", 'max_request_mb: "20"', "TOC-DEPLOY-012", '"20"', "scoring -> max_request_mb", "it must be a number", "max_request_mb: 20"),
    Mistake("number with a unit", "memory_gb: 2\n    auth_", "memory_gb: 2 GB\n    auth_", "TOC-DEPLOY-012", "2 GB", "targets -> aci -> memory_gb", "'2 GB'", "unit"),
    Mistake("fraction for a whole number", "workers: 1", "workers: 1.5", "TOC-DEPLOY-012", "1.5", "scoring -> workers", "whole number", "2"),
    Mistake("text for a list", LABELS, "labels: bottle", "TOC-DEPLOY-012", "labels: bottle", "model -> labels", "a list", "[bottle]"),
    Mistake("list for a text", "owner: ocean-team", "owner: [a, b]", "TOC-DEPLOY-012", "[a, b]", "service -> owner", "it must be text", "write"),
    Mistake("yes for true", "auth_enabled: true", "auth_enabled: yes", "TOC-DEPLOY-012", "yes", "targets -> aci -> auth_enabled", "true or false", "write true"),
    Mistake("text for a section", "    autoscale:\n      min_replicas: 2\n      max_replicas: 5\n", "    autoscale: true\n", "TOC-DEPLOY-012", "autoscale", "targets -> aks -> autoscale", "a section of keys", "min_replicas"),
    Mistake("list for a section", "samples:\n  path: samples\n  min_iou: 0.5\n  score_tolerance: 0.2\n", "samples: [samples]\n", "TOC-DEPLOY-012", "samples: [", "samples", "a section of keys", "min_iou"),
    Mistake("number as label", LABELS, "labels: [bottle, 7]", "TOC-DEPLOY-012", "labels", "model -> labels -> item 2", "the number 7", '"7"'),
    Mistake("true as label", LABELS, "labels: [bottle, true]", "TOC-DEPLOY-012", "labels", "model -> labels -> item 2", "the boolean true", '"true"'),
    Mistake("nothing as label", LABELS, "labels:\n    - bottle\n    -\n", "TOC-DEPLOY-012", "    -\n", "model -> labels -> item 2", "empty", "text"),
    Mistake("number as tag", "team: ocean", "team: 7", "TOC-DEPLOY-012", "team: 7", "targets -> aci -> tags -> team", "the number 7", '"7"'),
    # ranges, names, choices
    Mistake("zero", "threads: 4", "threads: 0", "TOC-DEPLOY-013", "threads: 0", "scoring -> threads", "from 1 to 64", "from 1 to 64"),
    Mistake("port", "port: 8890", "port: 88900", "TOC-DEPLOY-013", "88900", "targets -> local -> port", "from 1 to 65535", "number"),
    Mistake("IoU in percent", "min_iou: 0.5", "min_iou: 50", "TOC-DEPLOY-013", "min_iou", "samples -> min_iou", "at most 1", "above 0"),
    Mistake("infinite", "max_megapixels: 50", "max_megapixels: .inf", "TOC-DEPLOY-013", ".inf", "scoring -> max_megapixels", "finite", "1000"),
    Mistake("too many cores", "    cpu_cores: 1\n    memory_gb: 2\n    auth_", "    cpu_cores: 64\n    memory_gb: 2\n    auth_", "TOC-DEPLOY-013", "cpu_cores: 64", "targets -> aci -> cpu_cores", "from 0.1 to 31", "number"),
    Mistake("service name", "service:\n  name: river-litter", "service:\n  name: River_Litter", "TOC-DEPLOY-014", "River_Litter", "service -> name", "lower-case letters, digits and hyphens", "rule"),
    Mistake("service name too long", "service:\n  name: river-litter", "service:\n  name: " + "r" * 33, "TOC-DEPLOY-014", "rrr", "service -> name", "3 to 32", "rule"),
    Mistake("model name", "model:\n  name: river-litter", "model:\n  name: river litter", "TOC-DEPLOY-014", "river litter\n", "model -> name", "1 to 255", "rule"),
    Mistake("script that Python cannot import", "scoring/score.py", "scoring/my-score.py", "TOC-DEPLOY-014", "my-score", "scoring -> script", "Python can import", "rule"),
    Mistake("script that is no Python file", "scoring/score.py", "scoring/score.ipynb", "TOC-DEPLOY-014", "ipynb", "scoring -> script", ".py", "rule"),
    Mistake("region's display name", "location: northeurope", "location: North Europe", "TOC-DEPLOY-014", "North Europe", "azure -> location", "short name", "rule"),
    Mistake("subscription", "${AZURE_SUBSCRIPTION_ID}", "12345", "TOC-DEPLOY-012", "12345", "azure -> subscription_id", "must be text", "quotes"),
    Mistake("subscription that is no GUID", "${AZURE_SUBSCRIPTION_ID}", "my-subscription", "TOC-DEPLOY-014", "my-sub", "azure -> subscription_id", "GUID", "rule"),
    Mistake("no label", LABELS, "labels: []", "TOC-DEPLOY-014", "labels", "model -> labels", "empty list", "[bottle, can]"),
    Mistake("blank label", LABELS, 'labels: [bottle, " "]', "TOC-DEPLOY-014", "labels", "model -> labels -> item 2", "no space at its ends", "rule"),
    Mistake("empty path", "  path: model", '  path: ""', "TOC-DEPLOY-014", 'path: ""', "model -> path", "empty text", "remove the line"),
    Mistake("framework misspelt", "framework: tensorflow", "framework: tensorflw", "TOC-DEPLOY-015", "tensorflw", "model -> framework", "one of tensorflow, litert", "did you mean `tensorflow`"),
    Mistake("framework unknown", "framework: tensorflow", "framework: caffe", "TOC-DEPLOY-015", "caffe", "model -> framework", "'caffe'", "write one of"),
    Mistake("boolean for a choice", "auth: key", "auth: false", "TOC-DEPLOY-015", "auth: false", "targets -> aks -> auth", "key, token, none", "one of"),
    Mistake("Norway", LABELS, "labels: [se, no]", "TOC-DEPLOY-016", "[se, no]", "model -> labels -> item 2", "true or false", '"no"'),
    Mistake("date as label", LABELS, "labels: [bottle, 2024-01-01]", "TOC-DEPLOY-016", "2024", "model -> labels -> item 2", "a date", '"2024-01-01"'),
    Mistake("label twice", LABELS, "labels: [bottle, can, bottle]", "TOC-DEPLOY-017", "labels", "model -> labels -> item 3", "'bottle'", "remove one"),
    # rules between keys
    Mistake("replicas and autoscale", "    namespace: litter", "    replicas: 3", "TOC-DEPLOY-020", "replicas: 3", "targets -> aks -> replicas", "both given", "remove replicas"),
    Mistake("minimum above maximum", "min_replicas: 2", "min_replicas: 9", "TOC-DEPLOY-020", "min_replicas: 9", "targets -> aks -> autoscale -> min_replicas", "more than max_replicas", "at most"),
    Mistake("limit below request", "cpu_cores_limit: 1", "cpu_cores_limit: 0.25", "TOC-DEPLOY-020", "0.25", "targets -> aks -> cpu_cores_limit", "less than cpu_cores", "at least 0.5"),
    Mistake("concurrency above threads", "concurrency: 1", "concurrency: 8", "TOC-DEPLOY-020", "concurrency: 8", "scoring -> concurrency", "only 4 threads", "at least 8"),
    Mistake("subnet without network", "    auth_enabled: true", "    subnet_name: back", "TOC-DEPLOY-020", "subnet_name", "targets -> aci -> subnet_name", "without vnet_name", "add vnet_name"),
    Mistake("lock is conda.yml", "lock: requirements.lock", "lock: conda.yml", "TOC-DEPLOY-020", "lock:", "environment -> lock", "same file", "name of its own"),
    # paths
    Mistake("absolute path", "  path: model", "  path: /data/model", "TOC-DEPLOY-021", "/data/model", "model -> path", "absolute", "inside the repository"),
    Mistake("path of Windows", "  path: model", r"  path: C:\data\model", "TOC-DEPLOY-021", "C:", "model -> path", "absolute", "inside"),
    Mistake("backslashes", "script: scoring/score.py", r"script: scoring\score.py", "TOC-DEPLOY-021", "score.py", "scoring -> script", "backslashes", "scoring/score.py"),
    Mistake("path out of the repository", "  path: samples", "  path: ../samples", "TOC-DEPLOY-021", "../samples", "samples -> path", "leaves", "inside"),
    Mistake("whole repository as model", "  path: model", "  path: ./", "TOC-DEPLOY-021", "./", "model -> path", "itself", "inside"),
    Mistake("script at the top", "scoring/score.py", "score.py", "TOC-DEPLOY-021", "score.py", "scoring -> script", "top of the repository", "folder of its own"),
    # references and secrets
    Mistake("reference without braces", "${WORKSPACE}", "$WORKSPACE", "TOC-DEPLOY-022", "$WORKSPACE", "azure -> workspace_name", "braces", "${AZURE_WORKSPACE}"),
    Mistake("reference not closed", "${WORKSPACE}", "'${WORKSPACE'", "TOC-DEPLOY-022", "${WORKSPACE", "azure -> workspace_name", "name in braces", "${AZURE_WORKSPACE}"),
    Mistake("reference with a default", "${WORKSPACE}", "${WORKSPACE:-mine}", "TOC-DEPLOY-022", ":-mine", "azure -> workspace_name", "cannot have a default", "${"),
    Mistake("reference elsewhere", "owner: ocean-team", "owner: ${TEAM}", "TOC-DEPLOY-025", "${TEAM}", "service -> owner", "not looked up here", "the value itself"),
    Mistake("reference for a number", "port: 8890", "port: ${PORT}", "TOC-DEPLOY-012", "${PORT}", "targets -> local -> port", "whole number", "the number itself"),
    Mistake("secret by name", "    auth_enabled: true", "    primary_key: abcdef", "TOC-DEPLOY-024", "primary_key", "targets -> aci -> primary_key", "names a secret", "environment variables"),
    Mistake("secret by value", "team: ocean", "team: https://s.blob.core.windows.net/c?sv=1&sig=abcdef", "TOC-DEPLOY-024", "team:", "targets -> aci -> tags -> team", "SAS", "renewed"),
    # the folder
    Mistake("script missing", "scoring/score.py", "scoring/main.py", "TOC-REPO-003", "main.py", "scoring -> script", "does not exist", "score.py"),
    Mistake("model missing", "  path: model", "  path: weights", "TOC-REPO-004", "weights", "model -> path", "does not exist", "weights/"),
    Mistake("samples missing", "  path: samples", "  path: examples", "TOC-REPO-007", "examples", "samples -> path", "does not exist", "examples/"),
    Mistake("conda file missing", "conda: conda.yml", "conda: env.yml", "TOC-REPO-009", "env.yml", "environment -> conda", "does not exist", "environment -> conda"),
    Mistake("artifacts of another framework", "framework: tensorflow", "framework: onnxruntime", "TOC-REPO-005", "  path: model", "model -> path", "weights are missing", "copy the trained model"),
    # conda.yml: its form
    conda("conda: tab", "  - pip\n", "\t- pip\n", "TOC-CONDA-004", "\t- pip", "", "a tab", "spaces"),
    conda("conda: a list", "name: river-litter\nchannels: [conda-forge]\ndependencies:\n", "", "TOC-CONDA-007", "python", "", "a list", "key: value"),
    conda("conda: duplicate key", "channels: [conda-forge]\n", "channels: [conda-forge]\nname: other\n", "TOC-CONDA-005", "name: other", "name", "second time", "one of the two"),
    conda("conda: no name", "name: river-litter\n", "", "TOC-CONDA-010", "channels", "name", "`name` is missing", "name: river-litter"),
    conda("conda: channels no list", "channels: [conda-forge]", "channels: conda-forge", "TOC-CONDA-012", "channels", "channels", "a list", "[conda-forge]"),
    conda("conda: key misspelt", "dependencies:", "dependancies:", "TOC-CONDA-011", "dependancies", "dependancies", "no key", "did you mean `dependencies`"),
    conda("conda: prefix of a machine", "channels: [conda-forge]\n", "channels: [conda-forge]\nprefix: /home/me/envs/x\n", "TOC-CONDA-011", "prefix", "prefix", "exported", "remove the line"),
    conda("conda: dependencies no list", CONDA[CONDA.index("dependencies:") :], "dependencies: python\n", "TOC-CONDA-012", "dependencies", "dependencies", "a list", "`- `"),
    conda("conda: pip at the top", "channels: [conda-forge]\n", "channels: [conda-forge]\npip: [numpy]\n", "TOC-CONDA-013", "pip: [numpy]", "pip", "top of the file", "move it"),
    conda("conda: pip as one text", CONDA[CONDA.index("  - pip:") :], "  - pip: numpy\n", "TOC-CONDA-013", "pip: numpy", "dependencies -> item 3 -> pip", "must be a list", "`- `"),
    conda("conda: section of another kind", "  - pip:\n", "  - npm: [left-pad]\n  - pip:\n", "TOC-CONDA-013", "npm", "dependencies -> item 3 -> npm", "does not know", "only `pip:`"),
    conda("conda: no pip section", CONDA[CONDA.index("  - pip:") :], "", "TOC-CONDA-014", "dependencies", "dependencies", "no pip section", "`- pip:`"),
    conda("conda: numpy asked of conda", PIP, "", "TOC-CONDA-031", "pip:", "dependencies -> item 3 -> pip", "numpy is missing", "numpy>=1.26"),
    conda("conda: a conda package", "  - pip\n", "  - pip\n  - ffmpeg>=6\n", "TOC-CONDA-015", "ffmpeg", "dependencies -> item 3", "ffmpeg is asked of conda", "imageio-ffmpeg"),
    # conda.yml: Python
    conda("conda: no Python", "  - python=3.11\n", "", "TOC-CONDA-020", "dependencies", "dependencies", "no Python version", "python=3.11"),
    conda("conda: old Python", "python=3.11", "python=3.9", "TOC-CONDA-021", "python=3.9", "dependencies -> item 1", "3.9 is not supported", "3.10, 3.11"),
    conda("conda: new Python", "python=3.11", "python=3.14", "TOC-CONDA-021", "python=3.14", "dependencies -> item 1", "3.14 is not supported", "3.13"),
    conda("conda: range of Pythons", "python=3.11", "python>=3.10", "TOC-CONDA-021", "python>=3.10", "dependencies -> item 1", "leaves open", "exactly one"),
    conda("conda: Python without version", "python=3.11", "python", "TOC-CONDA-021", "- python", "dependencies -> item 1", "leaves open", "python=3.11"),
    # conda.yml: requirements
    conda("conda: one equals sign", "numpy>=1.26,<2.3.3", "numpy=1.26", "TOC-CONDA-022", "numpy=1.26", NUMPY, "not a requirement", "numpy==1.26"),
    conda("conda: unparsable", "numpy>=1.26,<2.3.3", "numpy>=>1", "TOC-CONDA-022", ">=>", NUMPY, "not a requirement", "numpy>=1.26"),
    conda("conda: requirement as mapping", "numpy>=1.26,<2.3.3", "numpy: 1.26", "TOC-CONDA-012", "numpy: 1", NUMPY, "a mapping", "remove the colon"),
    conda("conda: requirement twice", PIP, PIP + "      - NumPy>=2\n", "TOC-CONDA-016", "NumPy", "dependencies -> item 3 -> pip -> item 3", "second time; line 8", "one line"),
    conda("conda: editable", TF, TF + "      - -e .\n", "TOC-CONDA-023", "-e .", LAST, "editable", "scoring/"),
    conda("conda: folder", TF, TF + "      - ./wheels/ours.whl\n", "TOC-CONDA-023", "ours.whl", LAST, "file or folder", "released"),
    conda("conda: git", TF, TF + "      - git+https://example.org/ours.git\n", "TOC-CONDA-023", "git+", LAST, "version control", "released version"),
    conda("conda: URL", TF, TF + "      - ours @ https://example.org/ours-1.whl\n", "TOC-CONDA-023", "ours @", LAST, "URL", "released"),
    conda("conda: index option", TF, TF + "      - --extra-index-url https://example.org/simple\n", "TOC-CONDA-024", "--extra", LAST, "option of pip", "UV_INDEX"),
    conda("conda: another file", TF, TF + "      - -r requirements.txt\n", "TOC-CONDA-024", "-r req", LAST, "another file", "the packages themselves"),
    conda("conda: password in a URL", TF, TF + "      - --index-url https://me:hunter2@example.org/simple\n", "TOC-CONDA-040", "--index", LAST, "password", "renewed"),
    # conda.yml: packages that must, or must not, stand together
    conda("conda: no server", "      - azureml-inference-server-http>=1.5,<2\n", "", "TOC-CONDA-030", "pip:", "dependencies -> item 3 -> pip", "no server", "azureml-inference-server-http"),
    conda("conda: no OpenCV", "      - opencv-python-headless>=4.10\n", "", "TOC-CONDA-031", "pip:", "dependencies -> item 3 -> pip", "opencv-python-headless is missing", "add"),
    conda("conda: OpenCV with windows", "opencv-python-headless", "opencv-python", "TOC-CONDA-032", "opencv-python>", "dependencies -> item 3 -> pip -> item 3", "libGL", "opencv-python-headless"),
    conda("conda: two TensorFlows", TF, TF + "      - tensorflow>=2.16\n", "TOC-CONDA-033", "tensorflow-cpu", "dependencies -> item 3 -> pip -> item 4", "both asked for", "keep one"),
    conda("conda: azureml-defaults trap", "azureml-inference-server-http>=1.5,<2\n      - numpy>=1.26,<2.3.3", "azureml-defaults\n      - numpy", "TOC-CONDA-034", "azureml-defaults", "dependencies -> item 3 -> pip -> item 1", "release of 2020", "azureml-defaults>=1.62"),
    conda("conda: no framework", TF, "", "TOC-CONDA-035", "pip:", "dependencies -> item 3 -> pip", "none of tensorflow-cpu", "tensorflow-cpu"),
]  # fmt: skip


def test_good_files_are_good(tmp_path: Path) -> None:
    repository = load(write_repository(tmp_path))
    assert (repository.name, repository.conda.python) == ("river-litter", "3.11")


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_mistake(mistake: Mistake, tmp_path: Path) -> None:
    write_repository(tmp_path)
    (tmp_path / mistake.file).write_text(mistake.text, encoding="utf-8")
    with pytest.raises(RepositoryError) as raised:
        load(tmp_path)
    problems = raised.value.problems
    found = [problem for problem in problems if problem.code == mistake.code]
    assert found, f"{mistake.code} was not said, but: {raised.value}"
    problem = found[0]
    where = f"{mistake.file}:{line_of(mistake.text, mistake.at)} {mistake.keys}".rstrip()
    assert problem.where == where
    assert mistake.says in problem.what
    assert problem.fix
    assert mistake.remedy in problem.fix
    for noise in ("pydantic", "Input should", "type=", "ruamel", "None", "Traceback"):
        assert noise not in str(raised.value)


# One mistake, one problem: what follows from it is not told as well. These two really hold two mistakes.
TWO_PROBLEMS = {"artifacts of another framework", "unknown target", "conda: pip as one text"}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_mistake_is_told_once(mistake: Mistake, tmp_path: Path) -> None:
    write_repository(tmp_path)
    (tmp_path / mistake.file).write_text(mistake.text, encoding="utf-8")
    with pytest.raises(RepositoryError) as raised:
        load(tmp_path)
    if mistake.name not in TWO_PROBLEMS:
        assert len(raised.value.problems) == 1, str(raised.value)


def test_there_are_enough_of_them() -> None:
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES) >= 45


def test_all_problems_of_both_files_at_once(tmp_path: Path) -> None:
    deploy = DEPLOY.replace("threads: 4", "threads: 0").replace("min_replicas: 2", "min_replicas: 9")
    deploy = deploy.replace("cpu_cores_limit: 1", "cpu_cores_limit: 0.1").replace(
        "[bottle, can, bag]", "[no, no]"
    )
    conda_text = CONDA.replace("python=3.11", "python=3.9").replace("opencv-python-headless", "opencv-python")
    write_repository(tmp_path, deploy=deploy, conda=conda_text)
    (tmp_path / "samples" / "river.jpg").unlink()
    with pytest.raises(RepositoryError) as raised:
        load(tmp_path)
    codes = [problem.code for problem in raised.value.problems]
    assert codes == [
        "TOC-DEPLOY-016",
        "TOC-DEPLOY-016",
        "TOC-DEPLOY-013",
        "TOC-DEPLOY-020",
        "TOC-CONDA-021",
        "TOC-CONDA-032",
        "TOC-REPO-008",
    ]
