"""What Jinja alone cannot do for this template; cookiecutter and cruft load it through `_extensions`.

It checks the answers before anything is written, writes them as YAML, and finds out which toc-build bakes:
by release, by git URL and tag or commit, or by path. Standard library, plus the Jinja that is there anyway.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment
from jinja2.ext import Extension

FOLDER_NAME = "{{cookiecutter.__repo_name}}"
SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
CHOICES = {
    "framework": ("tensorflow", "litert", "onnxruntime", "custom"),
    "image_form": ("opencv", "pillow", "file", "bytes"),
    "python_version": ("3.10", "3.11", "3.12", "3.13"),
    "serving_stack": ("slim", "azureml-defaults"),
    "ci": ("github", "azure-pipelines", "none"),
}
# Words that YAML 1.1 or 1.2 reads as something other than text.
YAML_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}


class TemplateExtension(Extension):
    """Filters for the template's files and hooks, and one step before the first of them is written."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters.update(
            json=json_text,
            yaml=yaml_text,
            yaml_list=yaml_list,
            label_list=label_list,
            toc_build_requirement=toc_build_requirement,
            cruft_state=cruft_state,
            target_folder=target_folder,
        )

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002
        """Send the name of the folder to be made through `target_folder`.

        Rendering that name is the one thing that cookiecutter (asked, `--no-input` or `--replay`) and cruft
        all do before they create anything. A pre_gen hook runs after the folder is made, and when it fails
        cookiecutter shows a Python traceback below its message.
        """
        if source == FOLDER_NAME:
            return "{{ cookiecutter | target_folder }}"
        return source


def target_folder(answers: Mapping[str, Any]) -> str:
    """The name of the folder to make, once every answer is right.

    Raises:
        FailedHookException: answers are wrong (all are told), or the noxfile could name no toc-build.
    """
    problems = answer_problems(answers)
    if problems:
        count = "One answer is" if len(problems) == 1 else f"{len(problems)} answers are"
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise FailedHookException(f"TOC-TPL-001 {count} not usable; nothing has been written.\n{lines}")
    by_cruft = (
        "_commit" in answers
    )  # it has not told its folder yet, and works in a clone of the whole project
    if not by_cruft:
        toc_build_requirement(answers)
    name = str(answers["__repo_name"])
    if "_output_dir" in answers and Path(answers["_output_dir"], name).exists():
        print(  # noqa: T201
            f"TOC-TPL-003 There is already a {name} in {answers['_output_dir']}, and it stays as it is "
            "unless you asked for --overwrite-if-exists.\nGive the model another name, bake elsewhere "
            "(--output-dir), or bring a baked repository up to date with `cruft update`.",
            file=sys.stderr,
        )
    return name


def answer_problems(answers: Mapping[str, Any]) -> list[str]:
    """What is wrong with the answers: one sentence each, with the rule and an example."""
    problems = [*_name_problems(answers)]
    for key, asked, example in (
        ("model_name", "The model's name", "River Litter"),
        ("description", "The description", "Finds litter in pictures of rivers"),
        ("owner", "The owner", "ocean-team"),
    ):
        value = str(answers[key])
        if not value.strip() or len(value) > 200 or _unfit(value):
            problems.append(
                f"{asked} ({key}) is {_shown(value)}: it must be one line of 1 to 200 printable characters "
                f"without {{{{, {{% or {{#, for example {_shown(example)}."
            )
    labels = label_list(answers)
    if not all(labels) or len(set(labels)) != len(labels) or any(map(_unfit, labels)):
        problems.append(
            f"The labels (labels) are {_shown(answers['labels'])}: they must be one or more different names "
            'with commas between them, printable and without {{, {% or {#, for example "bottle, can".'
        )
    for key, allowed in CHOICES.items():  # cookiecutter itself lets a replay file say anything
        if answers[key] not in allowed:
            problems.append(f"{key} is {_shown(answers[key])}: it must be one of {', '.join(allowed)}.")
    if not isinstance(answers["gpu"], bool):
        problems.append(f"gpu is {_shown(answers['gpu'])}: it must be true or false.")
    elif answers["gpu"] and answers["framework"] == "litert":
        problems.append(
            "gpu is true with framework litert: LiteRT's Python package runs on the CPU only. "
            "Take gpu=false, or onnxruntime or tensorflow."
        )
    return problems + _azure_problems(answers)


def _name_problems(answers: Mapping[str, Any]) -> list[str]:
    rule = (
        "lower-case letters a-z, digits and hyphens, 3 to 32 characters, a letter first and no hyphen last "
        "(Azure's rule for service names)"
    )
    problems = []
    service, repo, model = (str(answers[key]) for key in ("__service_name", "__repo_name", "model_name"))
    if not (3 <= len(service) <= 32 and SERVICE_NAME.fullmatch(service)):
        made = f"The model name {_shown(model)} makes the service name {_shown(service)}"
        given = f"The service name (__service_name) is {_shown(service)}"
        problems.append(
            f"{made if service == repo else given}: it must be {rule}. Give a model_name such as "
            '"River Litter", which makes "river-litter", or name the service yourself: '
            "__service_name=river-litter."
        )
    if repo != service and not re.fullmatch(r"[A-Za-z0-9][-A-Za-z0-9._]{0,99}", repo):
        problems.append(
            f"The folder's name (__repo_name) is {_shown(repo)}: it must begin with a letter or digit and "
            "hold only letters, digits, hyphens, dots and underscores, at most 100, for example river-litter."
        )
    return problems


def _azure_problems(answers: Mapping[str, Any]) -> list[str]:
    """What is wrong with the Azure answers; every one of them may be empty."""
    problems = []
    for key, rule, pattern, example in (
        ("azure_subscription_id", "a UUID", UUID, "1b2c3d4e-0000-4000-8000-0123456789ab"),
        (
            "azure_resource_group",
            "letters, digits, _ - . ( ), 1 to 90 characters, no dot last",
            re.compile(r"[-\w.()]{0,89}[-\w()]"),
            "rg-ocean",
        ),
        (
            "azure_workspace",
            "letters, digits, _ and -, 3 to 33 characters, a letter or digit first",
            re.compile(r"[A-Za-z0-9][-A-Za-z0-9_]{2,32}"),
            "ws-ocean",
        ),
        (
            "azure_location",
            "an Azure region's short name",
            re.compile(r"[a-z][a-z0-9]{2,39}"),
            "northeurope",
        ),
        (
            "azure_cluster",
            "letters, digits and hyphens, 2 to 16 characters, a letter first",
            re.compile(r"[A-Za-z][-A-Za-z0-9]{0,14}[A-Za-z0-9]"),
            "inference-ml",
        ),
    ):
        value = str(answers[key])
        if value and not pattern.fullmatch(value) and not VARIABLE.fullmatch(value):
            problems.append(
                f"{key} is {_shown(value)}: it must be empty, ${{A_VARIABLE}} or {rule}, "
                f"for example {example}."
            )
    return problems


def _shown(value: object) -> str:
    """`value` in quotes on one line, cut when it is long."""
    text = str(value)
    return json.dumps(text if len(text) <= 60 else f"{text[:57]}...", ensure_ascii=_unfit(text))


def _unfit(text: str) -> bool:
    """Whether `text` could not be written into a file and read again as it is.

    That is so for control characters, line breaks and marks that turn the direction of reading; and for
    Jinja's own signs, because cruft renders the answers once more.
    """
    return any(sign in text for sign in ("{{", "{%", "{#")) or any(
        unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
        or character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\ufffe\uffff"
        for character in text
    )


def label_list(answers: Mapping[str, Any]) -> list[str]:
    """The labels, without the blanks around them."""
    return [label.strip() for label in str(answers["labels"]).split(",")]


def json_text(value: object) -> str:
    """`value` as JSON, with letters of every script as they are."""
    return json.dumps(value, ensure_ascii=False)


def yaml_text(value: object) -> str:
    """`value` as a YAML scalar that every reader takes for this very text."""
    text = str(value).strip()
    if re.fullmatch(r"[A-Za-z][\w ./()-]*", text, re.ASCII) and text.lower() not in YAML_WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)


def yaml_list(values: list[str]) -> str:
    """`values` as a YAML list within one line."""
    return f"[{', '.join(map(yaml_text, values))}]"


# --- which toc-build bakes ---


def toc_build_requirement(answers: Mapping[str, Any]) -> str:
    """What the baked noxfile asks for: exactly the toc-build that this template belongs to.

    Never a bare `toc-build`: a name on a package index could be somebody else's.

    Raises:
        FailedHookException: the template has no toc-build beside it.
    """
    release = str(answers.get("_toc_build_release", ""))
    if release:
        return f"toc-build=={release}"
    template = _template_folder(answers)
    project = template.parent
    pyproject = project / "pyproject.toml"
    if str(answers["_template"]).lower().endswith(".zip") or not (
        pyproject.is_file()
        and re.search(r'^name = "toc-build"$', pyproject.read_text(encoding="utf-8"), re.MULTILINE)
    ):
        raise FailedHookException(
            f"TOC-TPL-002 The template in {template} has no toc-build beside it, and what it bakes needs one "
            "to install; nothing has been written.\n"
            "Bake from a checkout of toc-build (cookiecutter <checkout>/cookiecutter-toc-model), or from its "
            "git URL (cookiecutter <url> --directory cookiecutter-toc-model)."
        )
    top = _git_top(template)
    if top is None:
        return f"toc-build @ {project.as_uri()}"
    if not _came_by_path(answers):
        url = _pip_url(_remote(template, answers))
    elif _is_as_committed(top):
        url = _named_checkout(answers, top, top).as_uri()
    else:  # what is being worked on is installed anew at every call, as it then is
        return f"toc-build @ {_named_checkout(answers, top, project).as_uri()}"
    version = _git(template, "describe", "--tags", "--exact-match", "HEAD") or _git(
        template, "rev-parse", "HEAD"
    )
    folder = project.relative_to(top).as_posix()
    subdirectory = "" if folder == "." else f"#subdirectory={folder}"
    return f"toc-build @ git+{url}@{version}{subdirectory}"


def cruft_state(answers: Mapping[str, Any]) -> dict[str, Any] | None:
    """What `.cruft.json` holds; None when the template is not in git, or when it is cruft that bakes."""
    template = _template_folder(answers)
    top = _git_top(template)
    if "_commit" in answers or top is None:
        return None
    source = str(top) if _came_by_path(answers) else _without_secrets(_remote(template, answers))
    commit = _git(template, "rev-parse", "HEAD")
    public = {key: value for key, value in answers.items() if not key.startswith("_")}
    checkout = answers.get("_checkout")
    return {
        "template": source,
        "commit": commit,
        "checkout": str(checkout) if checkout else None,
        "context": {"cookiecutter": {**public, "_template": source, "_commit": commit}},
        "directory": template.relative_to(top).as_posix(),
        "skip": ["model", "samples", "requirements.lock"],
    }


def _template_folder(answers: Mapping[str, Any]) -> Path:
    """The folder of cookiecutter.json.

    cookiecutter works in the folder to be copied while it renders files, in the template's folder while it
    renders hooks, and where it was started (so that `_repo_dir` may be relative) while it renders the new
    folder's name.
    """
    here = Path.cwd()
    if here.name == FOLDER_NAME:
        return here.parent
    named = here / str(answers.get("_repo_dir", ""))
    return named.resolve() if (named / "cookiecutter.json").is_file() else here


def _came_by_path(answers: Mapping[str, Any]) -> bool:
    """Whether the template was named by its folder on this machine, and not fetched by cookiecutter."""
    named = str(answers["_template"])
    if "_repo_dir" in answers:
        return str(answers["_repo_dir"]).startswith(named)
    return "://" not in named and Path(named).is_dir()  # cruft tells the template as .cruft.json has it


def _named_checkout(answers: Mapping[str, Any], top: Path, project: Path) -> Path:
    """The project's folder in the checkout that was named: cruft works in a temporary clone of that one."""
    if "_commit" in answers:
        return Path(str(answers["_template"])).absolute() / project.relative_to(top)
    return project


def _is_as_committed(top: Path) -> bool:
    """Whether a commit says all that is in a checkout, and others can fetch that commit from it."""
    if _git(top, "rev-parse", "--is-shallow-repository") != "false":
        return False
    try:
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--", ".", ":(exclude,glob)**/__pycache__/**"],
            cwd=top,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return not changed.stdout


def _git_top(template: Path) -> Path | None:
    """The top folder of the git repository that has this template in its last commit; None without one."""
    top = _git(template, "rev-parse", "--show-toplevel")
    if not top or not _git(template, "rev-parse", "--verify", "--quiet", "HEAD:./cookiecutter.json"):
        return None
    return Path(top)


def _git(folder: Path, *arguments: str) -> str:
    """What git prints, or an empty text when it fails or is not installed."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _remote(template: Path, answers: Mapping[str, Any]) -> str:
    """The URL the template was cloned from, with abbreviations such as `gh:` already written out by git."""
    return _git(template, "remote", "get-url", "origin") or str(answers["_template"])


def _without_secrets(url: str) -> str:
    """`url` without password, token or query; the user of an ssh URL is part of its address and stays."""
    if "://" not in url:
        return url  # git@host:owner/name.git holds none
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = parts.username if "ssh" in parts.scheme else None
    return urlunsplit((parts.scheme, f"{user}@{host}" if user else host, parts.path, "", ""))


def _pip_url(url: str) -> str:
    """`url` as pip and uv want it after `git+`."""
    if "://" in url:
        return _without_secrets(url)
    if re.match(r"[^/]+@[^/:]+:", url):  # git@host:owner/name.git
        host, _, path = url.partition(":")
        return f"ssh://{host}/{path.lstrip('/')}"
    return Path(url).absolute().as_uri()
