"""Clusters as they arrive at Azure: with TLS, in a virtual network, attached; and a service on each."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme
from support.azure_place import Rehearsal, new_name, version

from toc_build.errors import TargetError
from toc_build.targets.azure import clusters
from toc_build.targets.azure.clusters import ClusterRequest

pytestmark = pytest.mark.end_to_end

RESOURCE = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-ours"
    "/providers/Microsoft.ContainerService/managedClusters/{}"
)


def answers(azure: Rehearsal, cluster: str) -> str:
    """The scoring URI of a service that was deployed to the cluster, answered and was deleted."""
    found = azure.aks(new_name("on"), compute_target_name=cluster, replicas=1)
    bundle = azure.bundle("one")
    list(found.apply(bundle))
    uri = str(found.status().scoring_uri)
    assert version(uri, found.headers()) == "one"
    assert found.plan(bundle).changes == ()
    list(found.delete())
    return uri


def test_https_and_a_network(cheap: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(cheap.running.bundle))
    issued = trustme.CA().issue_cert("litter.example.org")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    request = ClusterRequest(
        "tls-ml",
        "dev-test",
        nodes=1,
        location="westeurope",
        vnet_resource_group="rg-network",
        vnet_name="vnet-1",
        subnet_name="nodes",
        service_cidr="10.0.0.0/16",
        dns_service_ip="10.0.0.10",
        docker_bridge_cidr="172.17.0.1/16",
        ssl_cname="litter.example.org",
        ssl_cert_pem_file=str(certificate),
        ssl_key_pem_file=str(key),
    )
    made = clusters.create(cheap.client, request)
    assert (made["ssl"], made["location"]) == ("Enabled", "westeurope")
    sent = cheap.sent("compute", "tls-ml")
    assert sent["clusterPurpose"] == "DevTest"
    assert sent["sslConfiguration"]["cname"] == "litter.example.org"
    assert sent["sslConfiguration"]["cert"] == certificate.read_text()
    network = sent["aksNetworkingConfiguration"]
    assert network["subnetId"].endswith(
        "/rg-network/providers/Microsoft.Network/virtualNetworks/vnet-1/subnets/nodes"
    )
    assert (network["serviceCidr"], network["dnsServiceIP"]) == ("10.0.0.0/16", "10.0.0.10")
    assert answers(cheap, "tls-ml").startswith("https://")
    clusters.detach(cheap.client, "tls-ml", delete=True)


@pytest.mark.parametrize(("purpose", "sent"), [("dev-test", "DevTest"), ("production", "FastProd")])
def test_attached(cheap: Rehearsal, purpose: str, sent: str) -> None:
    name, resource = f"our-{purpose}"[:14], RESOURCE.format(purpose)
    made = clusters.attach(cheap.client, name, resource, purpose)
    assert (made["purpose"], made["resource_id"]) == (purpose, resource)
    assert cheap.sent("compute", name)["clusterPurpose"] == sent
    with pytest.raises(TargetError) as taken:
        clusters.attach(cheap.client, name, resource, purpose)
    assert taken.value.code == "TOC-CLUSTER-002"
    assert answers(cheap, name)
    service = cheap.aks(new_name("stays"), compute_target_name=name, replicas=1)
    list(service.apply(cheap.bundle("one")))
    with pytest.raises(TargetError) as used:
        clusters.detach(cheap.client, name)
    assert used.value.code == "TOC-CLUSTER-008"
    list(service.delete())
    clusters.detach(cheap.client, name)
    assert name not in [one["name"] for one in clusters.clusters(cheap.client)]
