"""Images of toc-build beside those of two Dockerfiles: python benchmarks/images.py [--framework litert].

The same model repository is built in turn by a naive Dockerfile (`COPY . .`, then `pip install`), by one
with layers and a pip cache, and by toc-build: cold, after a change of the scoring code, after a change of
the lock; then each image's size, and the seconds from `docker run` to the first answer, beside two floors:
an interpreter that does nothing, and the server with a scoring script that does nothing. It needs a
container engine (DOCKER_HOST), mmdebstrap for toc-build's base, and an image with Python 3.11 and pip for
the Dockerfiles. `--sizes` leaves the changes out: one build each, then size and start.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from repositories import TEMPLATE, TOC_BUILD
from side_by_side import seconds

from toc_build.bundle import assemble
from toc_build.repository import load

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
ROUNDS = 3
STARTS = 7
COMMAND = '["python3", "-m", "azureml_inference_server_http", "--entry_script", "/app/code/score.py"]'
TAIL = f"""ENV AML_APP_ROOT=/app/code AZUREML_MODEL_DIR=/app/model PYTHONUNBUFFERED=1
WORKDIR /app/code
CMD {COMMAND}
"""
PIP = (
    "--mount=type=secret,id=ca env PIP_CERT=/run/secrets/ca "
    "pip install --break-system-packages --ignore-requires-python"
)
NAIVE = f"""FROM {{builder}}
WORKDIR /app
COPY . .
RUN {PIP} -r environment/requirements.lock
{TAIL}"""
LAYERED = f"""FROM {{builder}}
WORKDIR /app
COPY environment/requirements.lock environment/
RUN --mount=type=cache,target=/root/.cache/pip {PIP} -r environment/requirements.lock
COPY model model
COPY code code
{TAIL}"""


class Way:
    """One way to an image: what it is called, and how it builds."""

    def __init__(
        self, name: str, build: Callable[[], None], forget: Callable[[], None], image: Callable[[], str]
    ):
        self.name, self.build, self.forget, self.image = name, build, forget, image
        self.figures: dict[str, float] = {}


def run(*words: str, cwd: Path | None = None, **environ: str) -> str:
    done = subprocess.run(
        words, cwd=cwd, env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} exited with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def engine(*words: str, **environ: str) -> str:
    program = shutil.which("docker", path="/usr/bin") or "docker"
    return run(program, *words, DOCKER_BUILDKIT="1", **environ)


def dockerfile_way(name: str, text: str, repository: Path, context: Path) -> Way:
    """A Dockerfile's way; its context is the bundle's files as they are now."""
    tag = f"toc-build-benchmark:{name}"
    state = {"cold": True}

    def build() -> None:
        bundle = assemble(load(repository))
        shutil.rmtree(context, ignore_errors=True)
        shutil.copytree(bundle.root, context)
        (context / "manifest.json").unlink()
        (context / "Dockerfile").write_text(text)
        secret = ["--secret", f"id=ca,src={CERTIFICATES}"]
        cold = ["--no-cache"] if state["cold"] else []
        engine("build", "--network", "host", "--tag", tag, *secret, *cold, str(context))
        state["cold"] = False

    def forget() -> None:
        engine("builder", "prune", "--all", "--force")
        state["cold"] = True

    return Way(name, build, forget, lambda: tag)


def our_way(repository: Path, folder: Path, *, into_engine: bool) -> Way:
    """toc-build's way, with caches of its own."""
    caches = {"TOC_BUILD_CACHE_DIR": str(folder / "toc-build"), "UV_CACHE_DIR": str(folder / "uv")}
    made: dict[str, str] = {}

    def build() -> None:
        load_it = ["--load"] if into_engine else []
        text = run(*TOC_BUILD, "build", "--json", *load_it, cwd=repository, **caches)
        made.update(name=json.loads(text)["name"])

    def forget() -> None:
        shutil.rmtree(folder, ignore_errors=True)

    name = "toc-build, into the engine" if into_engine else "toc-build"
    return Way(name, build, forget, lambda: made["name"])


def change_code(repository: Path) -> None:
    script = repository / "scoring" / "score.py"
    script.write_text(f"{script.read_text()}\n# changed at {time.time()}\n")


def change_lock(repository: Path, number: int) -> None:
    conda = repository / "conda.yml"
    package = ("colorama", "toml", "six", "tabulate")[number]
    conda.write_text(f"{conda.read_text().rstrip()}\n      - {package}\n")
    run(*TOC_BUILD, "lock", cwd=repository)


def first_answer(image: str, body: bytes, *options: str, command: tuple[str, ...] = ()) -> float:
    """Seconds from `docker run` to the first answer that is not an error."""
    started = time.perf_counter()
    begin = ("run", "--detach", "--init", "--publish", "127.0.0.1:0:5001")
    container = engine(*begin, *options, image, *command).strip()
    try:
        port = int(engine("port", container, "5001/tcp").strip().rpartition(":")[2])
        while not answers(port, body):
            if time.perf_counter() - started > 60:
                raise SystemExit(engine("logs", "--tail", "20", container))
            time.sleep(0.005)
        return time.perf_counter() - started
    finally:
        engine("rm", "--force", container)


def answers(port: int, body: bytes) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/score", body)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def nothing_at_all(image: str) -> float:
    """Seconds for a container whose interpreter does nothing."""
    started = time.perf_counter()
    engine("run", "--rm", "--init", "--entrypoint", "python3", image, "-c", "pass")
    return time.perf_counter() - started


EMPTY_SCRIPT = "def init(): pass\ndef run(data): return []\n"


def measure_changes(ways: list[Way], repository: Path) -> None:
    for way in ways:
        found = []
        for _ in range(ROUNDS):
            change_code(repository)
            found.append(seconds(way.build))
        way.figures["after a change of the code, s"] = sorted(found)[ROUNDS // 2]
    for number, way in enumerate(ways):
        change_lock(repository, number)
        way.figures["after a change of the lock, s"] = seconds(way.build)


def measure_images(ways: list[Way], sample: Path, empty: Path) -> None:
    """Sizes and starts; the starts in turns, so that a busy moment of the machine meets every way."""
    kinds = (
        "start to first answer",
        "floor: an empty scoring script",
        "floor: an interpreter that does nothing",
    )
    found: dict[tuple[str, str], list[float]] = {}
    with_empty = ("--volume", f"{empty}:/empty.py:ro", "--entrypoint", "python3")
    serve_empty = ("-m", "azureml_inference_server_http", "--entry_script", "/empty.py")
    for _ in range(STARTS):
        for way in ways:
            image = way.image()
            times = (
                first_answer(image, sample.read_bytes()),
                first_answer(image, b"{}", *with_empty, command=serve_empty),
                nothing_at_all(image),
            )
            for kind, value in zip(kinds, times, strict=True):
                found.setdefault((way.name, kind), []).append(value)
    for way in ways:
        size = json.loads(engine("image", "inspect", way.image()))[0]["Size"]
        way.figures["size, MB"] = size / 1e6
        for kind in kinds:
            values = sorted(found[way.name, kind])
            way.figures[f"{kind}, s"] = values[len(values) // 2]
            print(f"  {way.name}: {kind}: {values[0]:.2f} to {values[-1]:.2f} s", flush=True)


def show(ways: list[Way]) -> None:
    names = list(dict.fromkeys(name for way in ways for name in way.figures))
    print(f"{'':<45}" + "".join(f"{way.name:>28}" for way in ways))
    for name in names:
        cells = [f"{way.figures[name]:.2f}" if name in way.figures else "-" for way in ways]
        print(f"{name:<45}" + "".join(f"{cell:>28}" for cell in cells))
    naive, ours = ways[0].figures, ways[-1].figures
    for name in names:
        print(f"{name:<45} naive / toc-build into the engine: {naive[name] / ours[name]:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--framework", default="litert", help="as the template knows them")
    parser.add_argument("--image-form", default="opencv", help="as the template knows them")
    parser.add_argument("--sizes", action="store_true", help="no changes of the code and the lock")
    parser.add_argument("--builder", default="docker.io/library/python:3.11-slim-bookworm")
    parser.add_argument("--base", help="an OCI layout; made with tools/minimal_base.py when left out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        base = arguments.base or str(folder / "base")
        if not arguments.base:
            run(sys.executable, str(Path(__file__).parents[1] / "tools" / "minimal_base.py"), base)
        bake = [sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input", "--output-dir", work]
        run(*bake, f"framework={arguments.framework}", f"image_form={arguments.image_form}")
        (repository,) = (path.parent for path in folder.glob("*/deploy.yml"))
        with (repository / "deploy.yml").open("a") as stream:
            stream.write(f"\nimage:\n  base: oci:{base}\n")
        run(*TOC_BUILD, "lock", cwd=repository)
        sample = next(path for path in (repository / "samples").iterdir() if path.suffix != ".json")
        ways = [
            dockerfile_way("naive", NAIVE.format(builder=arguments.builder), repository, folder / "naive"),
            dockerfile_way(
                "layered", LAYERED.format(builder=arguments.builder), repository, folder / "layered"
            ),
            our_way(repository, folder / "ours", into_engine=False),
            our_way(repository, folder / "ours-loaded", into_engine=True),
        ]
        if arguments.sizes:
            ways = [ways[0], ways[3]]
        empty = folder / "empty.py"
        empty.write_text(EMPTY_SCRIPT)
        print(f"{arguments.framework}, {arguments.image_form}; medians of {ROUNDS} builds, {STARTS} starts")
        print(f"load of the machine before: {os.getloadavg()[0]:.1f}", flush=True)
        for way in ways:
            way.forget()
            way.figures["cold build, s"] = seconds(way.build)
            print(f"  {way.name}: built", flush=True)
        if not arguments.sizes:
            measure_changes(ways, repository)
        measure_images([way for way in ways if way.name != "toc-build"], sample, empty)
        show(ways)


if __name__ == "__main__":
    main()
