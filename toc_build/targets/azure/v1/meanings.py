"""Our one-line meaning of what Azure or its SDK said, with a fix; Azure's own words stay whole below it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from toc_build.errors import TargetError
from toc_build.targets.azure import redact
from toc_build.targets.azure.workspace import WorkspaceName


@dataclass(frozen=True)
class Failed:
    """What the worker says of a call that failed.

    Attributes:
        kind: see `sdk_worker.channel.Failure`.
        message: Azure's or the SDK's words, without secrets.
        more: what else is known.
    """

    kind: str
    message: str
    more: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, error: Mapping[str, Any]) -> Failed:
        """From the worker's answer."""
        more = {key: value for key, value in error.items() if key not in ("kind", "message")}
        return cls(error["kind"], redact.secrets(str(error["message"])), more)


class AzureError(TargetError):
    """Azure refused or failed; `kind` says how, for those that can do something about it."""

    kind: str = "unexpected"


_Words = tuple[str, str, str]

_MEANINGS: dict[str, _Words] = {
    "unauthorized": (
        "TOC-AZURE-004",
        "Azure does not accept the sign-in",
        "sign in again (`az login`), or renew the service principal's secret; a token may have expired.",
    ),
    "forbidden": (
        "TOC-AZURE-005",
        "this identity may not do that in the workspace",
        "have it given the role Contributor, or AzureML Data Scientist, on the workspace.",
    ),
    "busy": (
        "TOC-AZURE-006",
        "Azure asks to come back later: too many requests, and it said so after several tries",
        "wait a few minutes and run the command again; it goes on where it stopped.",
    ),
    "service-error": (
        "TOC-AZURE-007",
        "Azure failed by itself, several times in a row",
        "run the command again: it goes on where it stopped. https://status.azure.com tells of outages.",
    ),
    "connection": (
        "TOC-AZURE-008",
        "Azure cannot be reached",
        "look at the network, the proxy (HTTPS_PROXY) and certificates (REQUESTS_CA_BUNDLE), and try again.",
    ),
    "conflict": (
        "TOC-AZURE-009",
        "another change of the same thing is under way, or the name is taken",
        "wait until `toc-build status` says that it is ready, then run the command again.",
    ),
    "not-found": (
        "TOC-AZURE-012",
        "Azure does not find what was asked for",
        "look at the name below; it may have been deleted meanwhile.",
    ),
    "too-large": (
        "TOC-AZURE-013",
        "Azure refuses it as too large",
        "make the scoring code smaller: weights belong in the model folder, not beside the code.",
    ),
    "http": (
        "TOC-AZURE-014",
        "Azure refused",
        "mend what its own words name, and run the command again; what is there already is taken up.",
    ),
    "refused": (
        "TOC-AZURE-014",
        "Azure refused",
        "mend what its own words name, and run the command again; what is there already is taken up.",
    ),
    "deployment": (
        "TOC-AZURE-014",
        "Azure refused",
        "mend what its own words name, and run the command again; what is there already is taken up.",
    ),
}


def meaning(failed: Failed, workspace: WorkspaceName, call: str) -> AzureError:
    """The error to raise for a failed call."""
    special: dict[str, Callable[[Failed, WorkspaceName], AzureError]] = {
        "no-sign-in": _no_sign_in,
        "half-sign-in": _half_sign_in,
        "sign-in": _bad_sign_in,
        "workspace-not-found": _no_workspace,
    }
    if failed.kind in special:
        error = special[failed.kind](failed, workspace)
    elif failed.kind in _MEANINGS:
        code, what, fix = _MEANINGS[failed.kind]
        error = AzureError(f"{what}.", code=code, fix=fix, details=failed.message)
    else:
        error = AzureError(
            f"Azure's SDK failed in a way that toc-build does not know ({call}).",
            code="TOC-AZURE-015",
            fix="run the command again; report it with its own words if it stays.",
            details=failed.message,
        )
    error.kind = failed.kind
    return error


def _no_sign_in(failed: Failed, _workspace: WorkspaceName) -> AzureError:
    skipped = "\n".join(f"{way}: {reason}" for way, reason in failed.more.get("skipped", ()))
    return AzureError(
        "no way to sign in to Azure is set up.",
        code="TOC-AZURE-003",
        fix="`az login` for a person; for a pipeline AZUREML_SERVICE_PRINCIPAL_TENANT_ID, _ID and _PASSWORD.",
        details=skipped,
    )


def _half_sign_in(failed: Failed, _workspace: WorkspaceName) -> AzureError:
    return AzureError(
        f"the service principal is given by half: {failed.message}.",
        code="TOC-AZURE-003",
        fix=f"set {' and '.join(failed.more.get('missing', ()))}, or unset the secret.",
    )


def _bad_sign_in(failed: Failed, _workspace: WorkspaceName) -> AzureError:
    return AzureError(
        f"signing in to Azure by {failed.more.get('used', 'the chosen way')} failed.",
        code="TOC-AZURE-004",
        fix="look at the identity's tenant, id and secret, which may have expired; `az login` for a person.",
        details=failed.message,
    )


def _no_workspace(failed: Failed, workspace: WorkspaceName) -> AzureError:
    return AzureError(
        f"there is no Azure ML workspace {workspace.name} in the group {workspace.resource_group} of "
        f"the subscription {workspace.subscription_id}, or this identity may not see it.",
        code="TOC-AZURE-016",
        where=workspace.source,
        fix="correct deploy.yml azure, or the variables AZURE_SUBSCRIPTION_ID, AZURE_RESOURCE_GROUP and "
        "AZUREML_WORKSPACE; or have the identity given a role on the workspace.",
        details=failed.message,
    )
