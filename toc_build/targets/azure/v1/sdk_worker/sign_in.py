"""The four ways of signing in, tried in this order; the first that is set up is the one that is used.

1. service principal: AZUREML_SERVICE_PRINCIPAL_TENANT_ID, _ID, _PASSWORD, or AZURE_TENANT_ID,
   AZURE_CLIENT_ID, AZURE_CLIENT_SECRET;
2. managed identity: on Azure's own machines (MSI_ENDPOINT, IDENTITY_ENDPOINT, or the metadata service);
3. Azure CLI: whoever `az login` signed in;
4. interactive: a browser or a device code, only when a person sits there.

A way that is set up and fails is an error, never a reason to try the next: deploying as somebody else would
be worse. What is said of the ways left out goes to the user with the result.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .channel import Failure

_PRINCIPALS = (
    (
        "AZUREML_SERVICE_PRINCIPAL_TENANT_ID",
        "AZUREML_SERVICE_PRINCIPAL_ID",
        "AZUREML_SERVICE_PRINCIPAL_PASSWORD",
    ),
    ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"),
)
_METADATA_SERVICE = ("169.254.169.254", 80)
_NOTEBOOK_MACHINE = Path("/mnt/azmnt/.nbvmenv")  # an Azure ML compute instance says so here
_LOOK_SECONDS = 0.3
_CLI_SECONDS = 60.0


@dataclass
class Chosen:
    """How to sign in.

    Attributes:
        method: in words, for the user.
        authentication: an object of azureml.core.authentication.
        skipped: each way before it, and why it was not taken.
    """

    method: str
    authentication: Any
    skipped: list[tuple[str, str]] = field(default_factory=list)


def choose(
    *, interactive: bool, tell: Callable[[str], None], environ: Mapping[str, str] | None = None
) -> Chosen:
    """The first way that is set up.

    Args:
        interactive: whether a person can answer.
        tell: takes what a person must be told, such as a device code.
        environ: the environment; this process's by default.

    Raises:
        Failure: none is set up, or a service principal is set up by half.
    """
    values = os.environ if environ is None else environ
    skipped: list[tuple[str, str]] = []
    found = _service_principal(values, skipped)
    if found is not None:
        return found
    for name, attempt in (("managed identity", _managed_identity), ("Azure CLI", _azure_cli)):
        authentication, reason = attempt(values)
        if authentication is not None:
            return Chosen(name, authentication, skipped)
        skipped.append((name, reason))
    if not interactive:
        skipped.append(("interactive", "nobody can answer: this is not a terminal"))
        raise Failure("no-sign-in", "no way to sign in to Azure is set up", skipped=skipped)
    return Chosen("interactive", _interactive(values, tell), skipped)


def _service_principal(values: Mapping[str, str], skipped: list[tuple[str, str]]) -> Chosen | None:
    for names in _PRINCIPALS:
        missing = [name for name in names if not values.get(name)]
        if not missing:
            from azureml.core.authentication import ServicePrincipalAuthentication

            prefix = names[1].rsplit("_", 1)[0]
            authentication = ServicePrincipalAuthentication(*(values[name] for name in names))
            return Chosen(f"service principal ({prefix}_*)", authentication, skipped)
        if values.get(names[2]):  # a password without its name: a mistake, not another way
            raise Failure(
                "half-sign-in", f"{names[2]} is set, but {' and '.join(missing)} is not", missing=missing
            )
    skipped.append(
        ("service principal", f"{_PRINCIPALS[0][1]} or {_PRINCIPALS[1][1]} with its secret is not set")
    )
    return None


def _managed_identity(values: Mapping[str, str]) -> tuple[Any, str]:
    on_azure = any(values.get(name) for name in ("MSI_ENDPOINT", "IDENTITY_ENDPOINT"))
    if not on_azure and not _NOTEBOOK_MACHINE.exists() and not _answers(_METADATA_SERVICE):
        return None, "this machine has none: it is not one of Azure's"
    from azureml.core.authentication import MsiAuthentication

    try:
        authentication = MsiAuthentication()
        authentication.get_authentication_header()
    except Exception as error:  # noqa: BLE001 - a machine of Azure's without an identity: go on
        return None, f"this machine's identity gave no token: {_first_line(error)}"
    return authentication, ""


def _azure_cli(values: Mapping[str, str]) -> tuple[Any, str]:
    program = shutil.which("az", path=values.get("PATH"))
    if program is None:
        return None, "the program az is not installed"
    from azureml.core.authentication import TokenAuthentication

    def token(resource: str) -> str:
        command = [program, "account", "get-access-token", "--output", "json", "--resource", resource]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_CLI_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise Failure(
                "sign-in", done.stderr.strip() or f"az ended with {done.returncode}", used="Azure CLI"
            )
        return str(json.loads(done.stdout)["accessToken"])

    authentication = TokenAuthentication(token)
    try:
        authentication.get_token()
    except Failure as failure:
        return None, f"az is installed, but not signed in: {failure.message.splitlines()[0]}"
    except (subprocess.TimeoutExpired, ValueError, KeyError) as error:
        return None, f"az gave no token: {_first_line(error)}"
    return authentication, ""


def _interactive(values: Mapping[str, str], tell: Callable[[str], None]) -> Any:
    from azureml.core.authentication import InteractiveLoginAuthentication

    class Told:
        """A stream whose lines the user sees: the SDK prints the device code."""

        def write(self, text: str) -> int:
            if text.strip():
                tell(text.strip())
            return len(text)

        def flush(self) -> None:
            """Nothing is held back."""

    kept = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = Told()
    try:
        return InteractiveLoginAuthentication(tenant_id=values.get("AZURE_TENANT_ID") or None)
    finally:
        sys.stdout, sys.stderr = kept


def _answers(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, timeout=_LOOK_SECONDS):
            return True
    except OSError:
        return False


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
