"""`toc-build cluster`: the Kubernetes clusters that the Azure ML workspace can deploy to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from toc_build.cli.options import HERE, JsonOption, RepositoryOption

if TYPE_CHECKING:
    from pathlib import Path

    from toc_build.console import Console
    from toc_build.targets.azure.v1.client import Client

app = typer.Typer(
    help="List, show, make, attach or let go of inference clusters.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The cluster's name in the workspace.")]
PurposeOption = Annotated[
    str,
    typer.Option(
        "--purpose",
        metavar="PURPOSE",
        help="dev-test: small and cheap, no autoscale; production: at least 12 cores, autoscale.",
    ),
]


@app.command("list")
def list_command(repository: RepositoryOption = HERE, as_json: JsonOption = False) -> None:
    """List the clusters of the workspace."""
    from toc_build.console import Console
    from toc_build.targets.azure.clusters import clusters

    console = Console()
    found = clusters(_client(repository, console))
    if as_json:
        console.json(found)
        return
    for one in found:
        console.say(_line(one))
    if not found:
        console.note("the workspace has no cluster; toc-build cluster create makes one")


@app.command()
def show(name: NameArgument, repository: RepositoryOption = HERE, as_json: JsonOption = False) -> None:
    """Show one cluster."""
    from toc_build.console import Console
    from toc_build.targets.azure.clusters import PURPOSES, cluster

    console = Console()
    found = cluster(_client(repository, console), name)
    if as_json:
        console.json(found)
        return
    for key, value in found.items():
        if value is not None:
            told = f"{value}: {PURPOSES.get(value, '')}".rstrip(": ") if key == "purpose" else value
            console.say(f"{key:<12} {told}")


@app.command()
def create(
    name: NameArgument,
    purpose: PurposeOption,
    repository: RepositoryOption = HERE,
    vm_size: Annotated[str, typer.Option(metavar="SIZE", help="VM size of each node.")] = "Standard_D3_v2",
    nodes: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="How many nodes.")] = 3,
    location: Annotated[str, typer.Option(metavar="REGION", help="Region.")] = "northeurope",
    vnet_resource_group: Annotated[
        str | None, typer.Option(metavar="GROUP", help="Resource group of an existing virtual network.")
    ] = None,
    vnet_name: Annotated[str | None, typer.Option(metavar="NAME", help="The virtual network.")] = None,
    subnet_name: Annotated[str | None, typer.Option(metavar="NAME", help="Its subnet.")] = None,
    service_cidr: Annotated[
        str | None, typer.Option(metavar="CIDR", help="Addresses of services, outside of the subnet.")
    ] = None,
    dns_service_ip: Annotated[
        str | None, typer.Option(metavar="IP", help="DNS server's address within --service-cidr.")
    ] = None,
    docker_bridge_cidr: Annotated[
        str | None, typer.Option(metavar="CIDR", help="Docker's own addresses, outside of the subnet.")
    ] = None,
    ssl_cname: Annotated[
        str | None, typer.Option(metavar="HOST", help="HTTPS: the host name that the certificate is for.")
    ] = None,
    ssl_cert_pem_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="HTTPS: the certificate.")
    ] = None,
    ssl_key_pem_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="HTTPS: its private key.")
    ] = None,
) -> None:
    """Make a cluster and wait until it is there: about ten minutes, and it is billed from then on."""
    from toc_build.console import Console
    from toc_build.targets.azure import clusters

    console = Console()
    request = clusters.ClusterRequest(
        name,
        purpose,
        vm_size,
        nodes,
        location,
        vnet_resource_group,
        vnet_name,
        subnet_name,
        service_cidr,
        dns_service_ip,
        docker_bridge_cidr,
        ssl_cname,
        ssl_cert_pem_file,
        ssl_key_pem_file,
    )
    clusters.check(request)
    console.note(f"{request.cores} cores in {location}; {purpose}: {clusters.PURPOSES[purpose]}")
    with console.step(f"cluster {name}"):
        made = clusters.create(_client(repository, console), request)
    console.say(_line(made), style="bold green")


@app.command()
def attach(
    name: NameArgument,
    resource_id: Annotated[
        str, typer.Option(metavar="ID", help="Resource id of the AKS cluster: `az aks show --query id`.")
    ],
    purpose: PurposeOption,
    repository: RepositoryOption = HERE,
) -> None:
    """Let the workspace know of an AKS cluster that exists."""
    from toc_build.console import Console
    from toc_build.targets.azure import clusters

    console = Console()
    with console.step(f"cluster {name}"):
        made = clusters.attach(_client(repository, console), name, resource_id, purpose)
    console.say(_line(made), style="bold green")


@app.command()
def detach(
    name: NameArgument,
    repository: RepositoryOption = HERE,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete its machines too, if the workspace made them.")
    ] = False,
) -> None:
    """Let go of a cluster; its machines stay, and stay billed, without --delete."""
    from toc_build.console import Console
    from toc_build.targets.azure import clusters

    console = Console()
    with console.step(f"cluster {name}"):
        clusters.detach(_client(repository, console), name, delete=delete)


def _client(repository: Path, console: Console) -> Client:
    from toc_build.repository import load
    from toc_build.targets.azure.opening import open_client

    return open_client(load(repository), progress=console.note)


def _line(one: dict[str, Any]) -> str:
    cores = "?" if one["cores"] is None else one["cores"]
    state = "" if one["state"] == "Succeeded" else f"  {one['state']}"
    size = f"{one['nodes']} x {one['vm_size']} ({cores} cores)"
    return f"{one['name']:<16}  {one['purpose']:<10}  {size:<34}  {one['location']}{state}"
