"""Sign-in and where everything is: the token endpoint, Azure Resource Manager's entry, and discovery.

azureml-core takes a login endpoint below `/adfs/` for an ADFS server, and so does not ask public Azure
whether the authority can be trusted.
"""

from __future__ import annotations

from typing import Any

from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.wire.http import Ask, Endpoint
from toc_build.rehearsal.wire.tokens import VALID_SECONDS

SHORT_SECONDS = 1.0  # what is left of a token that is to expire at once
WORKSPACE = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.MachineLearningServices"
    "/workspaces/{workspace}"
)
# The services that a workspace's discovery names; they are all behind one address here.
_SERVICES = (
    "api",
    "catalog",
    "dataset",
    "experimentation",
    "history",
    "hyperdrive",
    "modelmanagement",
    "pipelines",
    "studio",
)


def cloud_metadata(base: str) -> list[dict[str, Any]]:
    """What `ARM_CLOUD_METADATA_URL` must lead to, so that the SDK takes this server for Azure."""
    nowhere = "https://nowhere.invalid"
    return [
        {
            "name": "AzureCloud",
            "portal": nowhere,
            "authentication": {
                "loginEndpoint": f"{base}/adfs/x",
                "audiences": [f"{base}/", base],
                "tenant": "common",
                "identityProvider": "AAD",
            },
            "media": nowhere,
            "graphAudience": nowhere,
            "graph": nowhere,
            "batch": nowhere,
            "sqlManagement": nowhere,
            "vmImageAliasDoc": nowhere,
            "resourceManager": base,
            "gallery": nowhere,
            "activeDirectoryDataLake": nowhere,
            "microsoftGraphResourceId": nowhere,
            "logAnalyticsResourceId": nowhere,
            "synapseAnalyticsResourceId": nowhere,
            "attestationResourceId": nowhere,
            "ossrDbmsResourceId": nowhere,
            "appInsightsResourceId": nowhere,
            "suffixes": {
                "storage": "core.invalid",
                "keyVaultDns": "vault.invalid",
                "acrLoginServer": "azurecr.invalid",
                "sqlServerHostname": "database.invalid",
                "azureDataLakeStoreFileSystem": "datalake.invalid",
                "azureDataLakeAnalyticsCatalogAndJob": "analytics.invalid",
                "synapseAnalytics": "synapse.invalid",
                "mhsmDns": "hsm.invalid",
                "mysqlServerEndpoint": "mysql.invalid",
                "postgresqlServerEndpoint": "postgres.invalid",
                "mariadbServerEndpoint": "mariadb.invalid",
                "attestationEndpoint": "attest.invalid",
            },
        }
    ]


def _metadata(ask: Ask) -> Any:
    return cloud_metadata(ask.services.base)


def _openid(ask: Ask) -> Any:
    here = f"{ask.services.base}/adfs/{ask.path['tenant']}"
    return {
        "issuer": here,
        "authorization_endpoint": f"{here}/oauth2/authorize",
        "token_endpoint": f"{here}/oauth2/token",
        "jwks_uri": f"{here}/discovery/keys",
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


def _token(ask: Ask) -> Any:
    form = ask.body if isinstance(ask.body, dict) else {}
    identity = ask.cloud.identity
    if form.get("grant_type") != "client_credentials":
        raise Refusal("unsupported_grant_type", "The rehearsal signs in a service principal only.", 400)
    if form.get("client_id") != identity.client or form.get("client_secret") != identity.client_secret:
        raise Refusal(
            "invalid_client",
            "AADSTS7000215: Invalid client secret or unknown client: the rehearsal knows one service "
            "principal, the one in AZUREML_SERVICE_PRINCIPAL_ID.",
            401,
        )
    seconds = SHORT_SECONDS if ask.fault and ask.fault.kind == "expired" else VALID_SECONDS
    audience = str(form.get("resource") or form.get("scope") or ask.services.base)
    token = ask.services.tokens.issue(audience, valid_seconds=seconds)
    return {"access_token": token, "token_type": "Bearer", "expires_in": VALID_SECONDS, "resource": audience}


def _subscriptions(ask: Ask) -> Any:
    identity = ask.cloud.identity
    return {
        "value": [
            {
                "id": f"/subscriptions/{identity.subscription}",
                "subscriptionId": identity.subscription,
                "tenantId": identity.tenant,
                "displayName": "rehearsal",
                "state": "Enabled",
                "subscriptionPolicies": {},
                "authorizationSource": "RoleBased",
            }
        ]
    }


def _workspace(ask: Ask) -> Any:
    identity = ask.cloud.identity
    group = f"/subscriptions/{identity.subscription}/resourceGroups/{identity.resource_group}/providers"
    return {
        "id": identity.scope,
        "name": identity.workspace,
        "type": "Microsoft.MachineLearningServices/workspaces",
        "location": identity.location,
        "tags": {},
        "sku": {"name": "Basic", "tier": "Basic"},
        "identity": {"type": "SystemAssigned", "principalId": identity.client, "tenantId": identity.tenant},
        "properties": {
            "friendlyName": identity.workspace,
            "description": "A rehearsal on this machine.",
            "workspaceId": identity.workspace_id,
            "discoveryUrl": f"{ask.services.base}/discovery/{ask.services.nonce}",
            "mlFlowTrackingUri": None,
            "provisioningState": "Succeeded",
            "storageAccount": f"{group}/Microsoft.Storage/storageAccounts/rehearsal",
            "keyVault": f"{group}/Microsoft.KeyVault/vaults/rehearsal",
            "applicationInsights": f"{group}/Microsoft.insights/components/rehearsal",
            "containerRegistry": None,
            "hbiWorkspace": False,
        },
    }


def _workspaces(ask: Ask) -> Any:
    return {"value": [_workspace(ask)]}


def _discovery(ask: Ask) -> Any:
    return dict.fromkeys(_SERVICES, ask.services.base)


ENDPOINTS = (
    Endpoint("GET", "/metadata/endpoints", "discovery", _metadata, open=True, arm=True),
    Endpoint(
        "GET",
        "/adfs/{tenant}/.well-known/openid-configuration",
        "signin",
        _openid,
        open=True,
        own_faults=("expired",),
    ),
    Endpoint("POST", "/adfs/{tenant}/oauth2/token", "signin", _token, open=True, own_faults=("expired",)),
    Endpoint("GET", "/subscriptions", "workspace", _subscriptions, arm=True),
    Endpoint("GET", WORKSPACE, "workspace", _workspace, arm=True),
    Endpoint(
        "GET",
        "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/workspaces",
        "workspace",
        _workspaces,
        arm=True,
    ),
    Endpoint(
        "GET",
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.MachineLearningServices/workspaces",
        "workspace",
        _workspaces,
        arm=True,
    ),
    Endpoint("GET", "/discovery/{nonce}", "discovery", _discovery, open=True),
)
