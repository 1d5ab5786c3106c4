"""What may be called what: the rules that the service holds, whatever a client has checked already.

Sources: the patterns of azureml-core's own checks, and the documentation of Azure's naming rules
(https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules).
"""

from __future__ import annotations

import re

from toc_build.rehearsal.domain.refusals import Refusal

_SERVICE = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?")
_MODEL = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._]{0,254}")
_COMPUTE = re.compile(r"[a-zA-Z](?:[-a-zA-Z0-9]{0,14}[a-zA-Z0-9])?")
_DNS_LABEL = re.compile(r"[a-z](?:[-a-z0-9]{3,61}[a-z0-9])")
_NAMESPACE = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_ENVIRONMENT = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._]{0,254}")


def check_service(name: str) -> None:
    """Refuses a service's or version's name: 3 to 32 lowercase letters, digits and dashes.

    Raises:
        Refusal: it is not such a name.
    """
    if not (_SERVICE.fullmatch(name) and 3 <= len(name) <= 32):
        raise Refusal(
            "InvalidServiceName",
            f"Service name {name!r} is invalid: it must be 3 to 32 lowercase letters, digits and dashes, "
            "start with a letter and end with a letter or digit.",
        )


def check_model(name: str) -> None:
    """Refuses a model's name: up to 255 letters, digits, dashes, dots and underscores.

    Raises:
        Refusal: it is not such a name.
    """
    if not _MODEL.fullmatch(name):
        raise Refusal("InvalidModelName", f"Model name {name!r} is invalid.")


def check_compute(name: str) -> None:
    """Refuses a compute target's name: 2 to 16 letters, digits and dashes.

    Raises:
        Refusal: it is not such a name.
    """
    if not (_COMPUTE.fullmatch(name) and len(name) >= 2):
        raise Refusal(
            "InvalidComputeName",
            f"Compute name {name!r} is invalid: it must be 2 to 16 letters, digits and dashes, start with a "
            "letter and end with a letter or digit.",
        )


def check_dns_label(label: str) -> None:
    """Refuses a DNS label: 5 to 63 lowercase letters, digits and dashes.

    Raises:
        Refusal: it is not such a label.
    """
    if not _DNS_LABEL.fullmatch(label):
        raise Refusal(
            "InvalidDnsNameLabel",
            f"The DNS name label {label!r} is invalid: it must be 5 to 63 lowercase letters, digits and "
            "dashes, start with a letter and end with a letter or digit.",
        )


def check_namespace(name: str) -> None:
    """Refuses a Kubernetes namespace's name.

    Raises:
        Refusal: it is not such a name.
    """
    if not _NAMESPACE.fullmatch(name):
        raise Refusal("InvalidNamespace", f"Namespace {name!r} is not a Kubernetes namespace.")


def check_environment(name: str) -> None:
    """Refuses an environment's name, and those that only the service itself gives.

    Raises:
        Refusal: it is not such a name.
    """
    if not _ENVIRONMENT.fullmatch(name):
        raise Refusal("InvalidEnvironmentName", f"Environment name {name!r} is invalid.")
    if name.lower().startswith(("microsoft", "azureml")):
        raise Refusal(
            "ReservedEnvironmentName",
            "Environment name can not start with the prefix AzureML or Microsoft: these are reserved.",
        )
