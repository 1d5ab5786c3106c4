"""A plain azureml-core script, as a user has one: everything that the rehearsal must answer, step by step.

Run under `toc-build rehearse` in an empty folder: `python rehearsal_script.py SECTION...`. It knows nothing
of toc-build, and prints one JSON line for each section. `LARGE_MB` sets the size of the large model.
"""

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

import requests
from azureml.core import Environment, Model, Workspace
from azureml.core.compute import AksCompute, ComputeTarget
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice, AksEndpoint, AksWebservice, LocalWebservice, Webservice
from azureml.exceptions import ComputeTargetException, WebserviceException

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
SCORE = """
import json
import os
from pathlib import Path


def init():
    global answer
    root = Path(os.environ["AZUREML_MODEL_DIR"])
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    answer = {"colour": COLOUR, "files": len(files), "first": files[0], "root": root.as_posix()}
    print("init of", COLOUR)


def run(data):
    return {**answer, "bytes": len(data), "pid": os.getpid()}
"""
BROKEN = """
def init():
    raise ValueError("weights are from another world")


def run(data):
    return data
"""


def workspace() -> Workspace:
    """The workspace, by the variables that the rehearsal sets; nobody signs in."""
    return Workspace.get(
        os.environ["AZUREML_WORKSPACE"],
        subscription_id=os.environ["AZURE_SUBSCRIPTION_ID"],
        resource_group=os.environ["AZURE_RESOURCE_GROUP"],
    )


def refused(call, *words) -> str:
    """What a call that must fail says; every word must be in it."""
    try:
        call()
    except Exception as error:
        missing = [word for word in words if word not in str(error)]
        if missing:
            raise AssertionError(f"{missing} not in: {error}") from error
        return type(error).__name__
    raise AssertionError(f"it was not refused: {words}")


def environment(name="score-env") -> Environment:
    """A small environment that can score."""
    made = Environment(name)
    made.python.conda_dependencies = CondaDependencies.create(
        python_version=PYTHON, pip_packages=["azureml-inference-server-http>=1.5,<2"], pin_sdk_version=False
    )
    return made


def code(colour) -> str:
    """A source folder whose scorer answers its colour."""
    folder = Path(f"source-{colour}")
    folder.mkdir(exist_ok=True)
    text = BROKEN if colour == "broken" else SCORE.replace("COLOUR", repr(colour))
    (folder / "score.py").write_text(text)
    return str(folder)


def inference(colour) -> InferenceConfig:
    """The scorer of a colour."""
    return InferenceConfig(entry_script="score.py", source_directory=code(colour), environment=environment())


def post(uri, token=None, body=b"x" * 10) -> requests.Response:
    """A client's own request."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.post(uri, data=body, headers=headers, timeout=30)


def model(ws, name="many") -> Model:
    """The newest version of a model, registered when there is none."""
    found = Model.list(ws, name=name, latest=True)
    if found:
        return found[0]
    for number in range(3):
        path = Path("small") / f"part-{number}" / "weights.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(number))
    return Model.register(ws, "small", name)


def test_workspace(ws):
    assert ws.location == "northeurope"
    assert ws.get_details()["name"] == ws.name
    refused(lambda: Workspace.get("other", subscription_id=ws.subscription_id, resource_group="other"), "not")
    return {"location": ws.location}


def test_models(ws):
    folder = Path("model")
    for number in range(60):  # two batches of uploads
        path = folder / f"shard-{number % 7}" / f"{number:03}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(64))
    first = Model.register(
        ws, "model", "shards", tags={"stage": "test"}, properties={"a": "1"}, description="d"
    )
    assert (first.name, first.version, first.tags) == ("shards", 1, {"stage": "test"})
    size = int(os.environ.get("LARGE_MB", "100")) << 20
    with Path("large.bin").open("wb") as file:
        file.truncate(size - 3)
        file.seek(size - 3)
        file.write(b"end")
    started = time.monotonic()
    large = Model.register(ws, "large.bin", "large", model_framework=Model.Framework.TENSORFLOW)
    seconds = time.monotonic() - started
    place = Path(large.download("downloaded"))
    assert place.stat().st_size == size
    assert place.read_bytes()[-3:] == b"end"
    second = Model.register(ws, "model", "shards")
    assert second.version == 2
    place = Path(first.download("downloaded"))
    assert sum(1 for path in place.rglob("*") if path.is_file()) == 60
    assert (place / "shard-0" / "000.bin").read_bytes() == (folder / "shard-0" / "000.bin").read_bytes()
    first.update(tags={"stage": "production"}, description="better")
    first.add_properties({"b": "2"})
    again = Model(ws, "shards", version=1)
    assert (again.tags, again.description) == ({"stage": "production"}, "better")
    assert again.properties == {"a": "1", "b": "2"}
    assert [item.id for item in Model.list(ws, name="shards")] == ["shards:2", "shards:1"]
    assert [item.id for item in Model.list(ws, latest=True, name="shards")] == ["shards:2"]
    assert [item.id for item in Model.list(ws, tags=[["stage", "production"]])] == ["shards:1"]
    assert Model(ws, id="large:1").model_framework == "TensorFlow"
    refused(lambda: Model(ws, "nothing"), "ModelNotFound")
    second.delete()
    assert [item.id for item in Model.list(ws, name="shards")] == ["shards:1"]
    return {"files": 60, "large_mb": size >> 20, "large_seconds": round(seconds, 2)}


def test_environments(ws):
    first = environment().register(ws)
    assert (first.name, first.version) == ("score-env", "1")
    assert environment().register(ws).version == "1"  # nothing changed
    changed = environment()
    changed.environment_variables = {"WORKER_COUNT": "2", "Mixed_Case": "kept"}
    assert changed.register(ws).version == "2"
    got = Environment.get(ws, "score-env")
    assert (got.version, got.environment_variables["Mixed_Case"]) == ("2", "kept")
    assert "azureml-inference-server-http>=1.5,<2" in list(got.python.conda_dependencies.pip_packages)
    assert Environment.get(ws, "score-env", version="1").version == "1"
    assert "score-env" in Environment.list(ws)
    refused(lambda: Environment.get(ws, "nothing"), "404")
    return {"versions": 2}


def test_computes(ws):
    found = ws.compute_targets
    purposes = {name: (item.cluster_purpose, item.agent_count) for name, item in found.items()}
    assert purposes["inference-ml"] == ("FastProd", 3)
    assert purposes["dev-ml"] == ("DevTest", 1)
    made = ComputeTarget.create(
        ws,
        "made-ml",
        AksCompute.provisioning_configuration(
            agent_count=2, vm_size="Standard_D8_v3", location="northeurope"
        ),
    )
    made.wait_for_completion(show_output=False)
    assert made.provisioning_state == "Succeeded"
    assert made.get_credentials()
    small = AksCompute.provisioning_configuration(agent_count=2, vm_size="Standard_D4_v3")
    refused(lambda: ComputeTarget.create(ws, "tiny-ml", small), "12 virtual CPUs")
    unknown = AksCompute.provisioning_configuration(agent_count=2, vm_size="Standard_Nothing")
    refused(lambda: ComputeTarget.create(ws, "odd-ml", unknown), "Standard_Nothing")
    dev = AksCompute.provisioning_configuration(
        agent_count=1, vm_size="Standard_D4_v3", cluster_purpose=AksCompute.ClusterPurpose.DEV_TEST
    )
    ComputeTarget.create(ws, "tiny-ml", dev).wait_for_completion(show_output=False)
    resource = AksCompute.attach_configuration(resource_group="theirs", cluster_name="their-cluster")
    attached = ComputeTarget.attach(ws, "their-ml", resource)
    attached.wait_for_completion(show_output=False)
    attached.detach()
    made.delete()
    names = {target.name for target in ComputeTarget.list(ws)}
    assert "tiny-ml" in names
    assert not {"made-ml", "their-ml"} & names
    refused(lambda: ComputeTarget(ws, "made-ml"), "ComputeTargetNotFound")
    assert issubclass(ComputeTargetException, Exception)
    return {"clusters": sorted(names)}


def test_aci(ws):
    used = model(ws)
    options = AciWebservice.deploy_configuration(
        cpu_cores=1,
        memory_gb=1,
        tags={"team": "rivers"},
        properties={"built": "today"},
        description="first",
        location="northeurope",
        auth_enabled=True,
        enable_app_insights=True,
        collect_model_data=True,
        dns_name_label="river-litter",
        primary_key="a-primary-key-of-our-own-choosing",
        secondary_key="a-secondary-key-of-our-own-choosing",
    )
    service = Model.deploy(ws, "aci-river", [used], inference("blue"), options)
    service.wait_for_deployment(show_output=True)
    assert service.state == "Healthy", service.error
    assert service.get_keys()[0] == "a-primary-key-of-our-own-choosing"
    assert service.run(b"12345")["colour"] == "blue"
    assert service.run(b"12345")["root"] == "azureml-models/many/1"
    assert post(service.scoring_uri).status_code == 401
    assert post(service.scoring_uri, "wrong").status_code == 401
    assert post(service.scoring_uri, service.get_keys()[1]).json()["bytes"] == 10
    assert requests.get(service.scoring_uri.replace("/score", "/"), timeout=30).ok
    assert "init of blue" in service.get_logs()
    service.regen_key("Primary")
    assert service.get_keys()[0] != "a-primary-key-of-our-own-choosing"
    assert post(service.scoring_uri, "a-primary-key-of-our-own-choosing").status_code == 401
    refused(lambda: Model.deploy(ws, "aci-river", [used], inference("blue"), options), "already exists")
    service.update(tags={"team": "lakes"}, description="second", auth_enabled=False)
    assert (service.tags, service.description, service.auth_enabled) == ({"team": "lakes"}, "second", False)
    assert post(service.scoring_uri).ok
    service.update(inference_config=inference("green"), properties={"built": "tomorrow", "more": "yes"})
    service.wait_for_deployment()
    assert service.run(b"1")["colour"] == "green"
    assert service.properties["built"] == "today"  # properties are immutable
    assert service.properties["more"] == "yes"
    again = Model.deploy(
        ws, "aci-river", [used], inference("red"), AciWebservice.deploy_configuration(), overwrite=True
    )
    again.wait_for_deployment()
    assert (again.run(b"1")["colour"], again.auth_enabled) == ("red", False)
    big = AciWebservice.deploy_configuration(cpu_cores=64)
    refused(lambda: Model.deploy(ws, "aci-big", [used], inference("red"), big), "up to 4 cores")
    assert [item.name for item in Webservice.list(ws, compute_type="ACI")] == ["aci-river"]
    refused(used.delete, "412")
    again.delete()
    refused(lambda: Webservice(ws, "aci-river"), "WebserviceNotFound")
    refused(lambda: post(service.scoring_uri).raise_for_status())
    return {"kind": again.compute_type}


def test_failing(ws):
    used = model(ws)
    found = {}
    for name, options in (
        ("aci-broken", AciWebservice.deploy_configuration()),
        (
            "aks-broken",
            AksWebservice.deploy_configuration(num_replicas=1, compute_target_name="inference-ml"),
        ),
    ):
        service = Model.deploy(ws, name, [used], inference("broken"), options)
        refused(service.wait_for_deployment, "crashed", "init()", "get_logs()")
        assert service.state == "Failed"
        log = service.get_logs()
        assert "ValueError: weights are from another world" in log, log
        assert 'source-broken/score.py", line' in log
        found[name] = service.error["code"]
        service.delete()
    nothing = environment("nothing-env")
    nothing.python.conda_dependencies = CondaDependencies.create(
        python_version=PYTHON, pip_packages=["numpy==0.0.1"], pin_sdk_version=False
    )
    config = InferenceConfig(entry_script="score.py", source_directory=code("blue"), environment=nothing)
    service = Model.deploy(ws, "aci-unbuilt", [used], config, AciWebservice.deploy_configuration())
    refused(service.wait_for_deployment, "More information can be found here: https://localhost")
    operation = requests.get(
        service._operation_endpoint, headers=ws._auth.get_authentication_header(), timeout=30
    )
    log = requests.get(operation.json()["operationLog"], timeout=30)
    assert "numpy==0.0.1" in log.text, log.text
    service.delete()
    return found


def test_aks(ws):
    used = model(ws)
    options = AksWebservice.deploy_configuration(
        autoscale_enabled=True,
        autoscale_min_replicas=2,
        autoscale_max_replicas=4,
        autoscale_refresh_seconds=2,
        autoscale_target_utilization=60,
        collect_model_data=True,
        auth_enabled=True,
        cpu_cores=0.5,
        cpu_cores_limit=1,
        memory_gb=0.5,
        memory_gb_limit=1,
        enable_app_insights=True,
        scoring_timeout_ms=20_000,
        replica_max_concurrent_requests=2,
        max_request_wait_time=5_000,
        period_seconds=11,
        initial_delay_seconds=12,
        timeout_seconds=3,
        success_threshold=1,
        failure_threshold=4,
        namespace="rivers",
        tags={"team": "rivers"},
        properties={"built": "today"},
        description="first",
        compute_target_name="inference-ml",
    )
    service = Model.deploy(ws, "aks-river", [used, model(ws, "other")], inference("blue"), options)
    service.wait_for_deployment(show_output=True)
    assert service.state == "Healthy", service.error
    assert service.scoring_uri.endswith("/api/v1/service/aks-river/score")
    assert (service.autoscaler.min_replicas, service.autoscaler.target_utilization) == (2, 60)
    assert service.liveness_probe_requirements.initial_delay_seconds == 12
    assert (service.namespace, service.compute_name) == ("rivers", "inference-ml")
    assert service.run(b"1")["root"] == "azureml-models"  # of several models
    assert post(service.scoring_uri).status_code == 401
    key = service.get_keys()[0]
    replicas = Counter(post(service.scoring_uri, key).json()["pid"] for _ in range(10))
    service.update(autoscale_enabled=False, num_replicas=3, tags={"team": "lakes"})
    assert service.num_replicas == 3
    service.update(auth_enabled=False, token_auth_enabled=True)
    assert post(service.scoring_uri, key).status_code == 401
    token = service.get_access_token()
    assert post(service.scoring_uri, token.access_token).ok
    assert service.run(b"1")["colour"] == "blue"
    service.update(inference_config=inference("green"))
    service.wait_for_deployment()
    assert service.run(b"1")["colour"] == "green"
    service.update(inference_config=inference("broken"))
    refused(service.wait_for_deployment, "crashed")
    assert post(service.scoring_uri, token.access_token).json()["colour"] == "green"  # the old one answers
    service.update(inference_config=inference("green"))
    service.wait_for_deployment()
    assert service.state == "Healthy"
    dev = AksWebservice.deploy_configuration(autoscale_enabled=True, compute_target_name="dev-ml")
    refused(lambda: Model.deploy(ws, "aks-dev", [used], inference("blue"), dev), "dev-test")
    small = AksWebservice.deploy_configuration(num_replicas=1, compute_target_name="small-ml")
    refused(lambda: Model.deploy(ws, "aks-small", [used], inference("blue"), small), "8 virtual CPUs", "12")
    gpu = AksWebservice.deploy_configuration(num_replicas=1, gpu_cores=1, compute_target_name="inference-ml")
    refused(lambda: Model.deploy(ws, "aks-gpu", [used], inference("blue"), gpu), "no GPU")
    lost = AksWebservice.deploy_configuration(num_replicas=1, compute_target_name="lost-ml")
    refused(lambda: Model.deploy(ws, "aks-lost", [used], inference("blue"), lost), "lost-ml", "inference-ml")
    huge = AksWebservice.deploy_configuration(
        num_replicas=1, cpu_cores=1000, compute_target_name="inference-ml"
    )
    refused(lambda: Model.deploy(ws, "aks-huge", [used], inference("blue"), huge), "1000 cores")
    refused(ComputeTarget(ws, "inference-ml").delete, "aks-river")
    assert [item.name for item in Webservice.list(ws, compute_type="AKS")] == ["aks-river"]
    service.delete()
    refused(lambda: Webservice(ws, "aks-river"), "WebserviceNotFound")
    return {"replicas_that_answered": len(replicas)}


def test_endpoint(ws):
    used = model(ws)
    options = AksEndpoint.deploy_configuration(
        cpu_cores=0.5,
        memory_gb=0.5,
        num_replicas=1,
        version_name="blue",
        traffic_percentile=70,
        tags={"team": "rivers"},
        compute_target_name="inference-ml",
    )
    AksEndpoint.container_resource_requirements = None  # create_version reads it, and nothing sets it
    endpoint = Model.deploy(ws, "river-endpoint", [used], inference("blue"), options)
    endpoint.wait_for_deployment()
    assert endpoint.state == "Healthy", endpoint.error
    assert list(endpoint.versions) == ["blue"]
    endpoint.create_version(
        "green",
        num_replicas=1,
        cpu_cores=0.5,
        memory_gb=0.5,
        models=[used],
        inference_config=inference("green"),
        traffic_percentile=30,
    )
    endpoint.wait_for_deployment()
    key = endpoint.get_keys()[0]
    colours = Counter(post(endpoint.scoring_uri, key).json()["colour"] for _ in range(200))
    own = {name: post(item.scoring_uri, key).json()["colour"] for name, item in endpoint.versions.items()}
    assert own == {"blue": "blue", "green": "green"}
    assert endpoint.versions["green"].traffic_percentile == 30
    refused(lambda: endpoint.update_version("blue", traffic_percentile=80), "at most 100")
    endpoint.update_version("green", traffic_percentile=0)
    endpoint.update_version("blue", traffic_percentile=0)
    endpoint.update_version("green", traffic_percentile=100, is_default=True, is_control_version_type=True)
    promoted = Counter(post(endpoint.scoring_uri, key).json()["colour"] for _ in range(10))
    endpoint.delete_version("blue")
    assert list(endpoint.versions) == ["green"]
    assert post(endpoint.scoring_uri, key).json()["colour"] == "green"
    endpoint.delete()
    return {"traffic": dict(colours), "promoted": dict(promoted)}


def test_package(ws):
    package = Model.package(ws, [model(ws)], inference("blue"), generate_dockerfile=True)
    package.wait_for_creation(show_output=True)
    assert package.state == "Succeeded", package.error
    package.save("package")
    found = sorted(
        path.relative_to("package").as_posix() for path in Path("package").rglob("*") if path.is_file()
    )
    assert "Dockerfile" in found
    assert any(name.endswith("source-blue/score.py") for name in found), found
    assert any(name.endswith("azureml-models/many/1/small/part-0/weights.bin") for name in found), found
    return {"files": len(found)}


def test_local(ws):
    """In a container of this machine: BASE_IMAGE brings Python and the server, from a registry."""
    own = Environment("local-env")
    own.python.user_managed_dependencies = True
    own.docker.base_image = os.environ["BASE_IMAGE"]
    config = InferenceConfig(entry_script="score.py", source_directory=code("blue"), environment=own)
    options = LocalWebservice.deploy_configuration(port=int(os.environ["LOCAL_PORT"]))
    service = Model.deploy(ws, "local-river", [model(ws)], config, options)
    try:
        service.wait_for_deployment(show_output=True)
        assert service.state == "running"
        first = service.run(b"12345")
        assert (first["colour"], first["bytes"], first["root"]) == ("blue", 5, "azureml-models/many/1")
        script = Path("source-blue") / "score.py"
        script.write_text(script.read_text().replace("'blue'", "'green'"))
        started = time.monotonic()
        service.reload(wait=True)
        seconds = time.monotonic() - started
        assert service.run(b"1")["colour"] == "green"
        assert "init of green" in service.get_logs()
    except WebserviceException:
        print(service.get_logs())
        raise
    finally:
        service.delete(delete_image=True)
    return {"reload_seconds": round(seconds, 1)}


def test_image(ws):
    """Services in an image that its user manages: BASE_IMAGE brings Python and the server."""
    own = Environment("image-env")
    own.python.user_managed_dependencies = True
    own.docker.base_image = os.environ["BASE_IMAGE"]
    config = InferenceConfig(entry_script="score.py", source_directory=code("blue"), environment=own)
    options = AksWebservice.deploy_configuration(num_replicas=2, compute_target_name="inference-ml")
    service = Model.deploy(ws, "image-river", [model(ws)], config, options)
    service.wait_for_deployment()
    assert service.state == "Healthy", service.error
    answers = [service.run(b"123") for _ in range(4)]
    assert {(item["colour"], item["root"]) for item in answers} == {("blue", "azureml-models/many/1")}
    broken = InferenceConfig(entry_script="score.py", source_directory=code("broken"), environment=own)
    service.update(inference_config=broken)
    refused(service.wait_for_deployment, "crashed")
    assert "weights are from another world" in service.get_logs()
    assert service.run(b"1")["colour"] == "blue"
    service.delete()
    own.docker.base_image = os.environ["BASE_IMAGE"] + "-that-is-not-there"
    options = AciWebservice.deploy_configuration()
    lost = Model.deploy(ws, "image-lost", [model(ws)], config, options)
    refused(lost.wait_for_deployment, "cannot be pulled")
    lost.delete()
    return {"answers": len(answers)}


def main(sections) -> None:
    """Runs the sections in the order given."""
    ws = workspace()
    assert issubclass(WebserviceException, Exception)
    for section in sections:
        started = time.monotonic()
        found = globals()[f"test_{section}"](ws)
        found["seconds"] = round(time.monotonic() - started, 1)
        print("\nSECTION " + json.dumps({"section": section, **found}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
