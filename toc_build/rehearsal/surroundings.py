"""The environment variables of a rehearsed command: signed in here, and nowhere else.

What they mean to azureml-core was read in its source, 1.61. HOME stays, so that caches, git and indexes work
as ever; the one file that the SDK writes there is tidied up by `forget`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from toc_build.rehearsal.process import Running

# Whatever could lead the SDK, or azure-identity, to another account or service.
_CLEARED_PREFIXES = ("AZURE_", "AZUREML_", "ARM_", "MSI_", "IDENTITY_")
_KEPT = ("AZUREML_ARTIFACTS_DEFAULT_TIMEOUT", "AZUREML_DEFAULT_BACKOFF", "AZUREML_DEFAULT_RETRIES")
_LOOPBACK = "localhost,127.0.0.1,::1"
# One of the clusters that a workspace holds to begin with (domain.cloud): for production, with room.
CLUSTER = "inference-ml"
DISCOVERY = Path(".azureml") / ".discovery"


def rehearsed(base: Mapping[str, str], running: Running) -> dict[str, str]:
    """The environment of a command that is to take the rehearsal for Azure.

    Args:
        base: the environment to start from.
        running: the rehearsal.
    """
    kept = {
        name: value
        for name, value in base.items()
        if name in _KEPT or name.startswith("AZUREML_DEFAULT_") or not name.startswith(_CLEARED_PREFIXES)
    }
    values = running.values
    config = running.folder / "azure-config"
    config.mkdir(exist_ok=True)
    bundle = str(running.bundle)
    return {
        **kept,
        # where Azure is
        "ARM_CLOUD_METADATA_URL": (running.folder / "clouds.json").as_uri(),
        "AZURE_CONFIG_DIR": str(config),
        "AZUREML_CURRENT_CLOUD": "AzureCloud",  # otherwise the SDK asks public Azure which clouds there are
        # who is signed in: azure-identity's names, and azureml-core's own
        "AZUREML_SERVICE_PRINCIPAL_TENANT_ID": values["tenant"],
        "AZUREML_SERVICE_PRINCIPAL_ID": values["client"],
        "AZUREML_SERVICE_PRINCIPAL_PASSWORD": values["client_secret"],
        "AZURE_SUBSCRIPTION_ID": values["subscription"],
        "AZURE_RESOURCE_GROUP": values["resource_group"],
        "AZUREML_WORKSPACE": values["workspace"],
        "AZUREML_COMPUTE_TARGET": CLUSTER,
        "AZUREML_LOG_DEPRECATION_WARNING_ENABLED": "False",
        "TOC_BUILD_REHEARSAL": running.base,
        # whom to trust
        "REQUESTS_CA_BUNDLE": bundle,
        "CURL_CA_BUNDLE": bundle,
        "SSL_CERT_FILE": bundle,
        "PIP_CERT": bundle,
        # the way out
        "HTTPS_PROXY": running.proxy,
        "HTTP_PROXY": running.proxy,
        "https_proxy": running.proxy,
        "http_proxy": running.proxy,
        "NO_PROXY": _joined(base, "NO_PROXY"),
        "no_proxy": _joined(base, "no_proxy"),
    }


def _joined(base: Mapping[str, str], name: str) -> str:
    """What was reached without a proxy before still is, unless that is everything or Azure."""
    from toc_build.rehearsal.proxy import is_azure

    before = [item.strip() for item in base.get(name, "").split(",")]
    good = [item for item in before if item and item != "*" and not is_azure(item.lstrip("*."))]
    return ",".join([_LOOPBACK, *good])


def forget(home: Path, running: Running) -> None:
    """Takes the rehearsal's addresses out of the file in which the SDK keeps addresses for ever."""
    path = home / DISCOVERY
    with contextlib.suppress(OSError, ValueError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        ours = [
            key for key in kept if running.base in key or running.values["workspace"] in key.split("|")[0]
        ]
        ours = [key for key in ours if running.values["subscription"] in key]
        for key in ours:
            del kept[key]
        if ours and not kept:
            path.unlink()
        elif ours:
            path.write_text(json.dumps(kept), encoding="utf-8")
