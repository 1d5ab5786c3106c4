"""What a node of a size offers: cores, memory, GPUs, out of `vm_sizes.json`, which names its source.

The doctor reckons with it offline; target `aks` reckons with what the workspace says about its cluster.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

# Azure ML takes no cluster for production (FastProd) with fewer: "the cluster must have at least 12 vCPUs",
# as AksCompute.provisioning_configuration documents; the SDK itself does not look.
PRODUCTION_CORES = 12


@dataclass(frozen=True)
class VmSize:
    """One size.

    Attributes:
        name: Azure's, such as `Standard_D3_v2`.
        cores: vCPUs.
        memory_gb: in GiB.
        gpus: whole GPUs.
        retired: when Azure took it out of service; None while it is offered.
    """

    name: str
    cores: int
    memory_gb: float
    gpus: int
    retired: date | None = None

    @property
    def allocatable_cores(self) -> float:
        """What Kubernetes leaves for containers.

        AKS reserves millicores by the number of cores (AKS documentation, "Node resource reservations").
        """
        steps = ((1, 0.06), (2, 0.1), (4, 0.14), (8, 0.18), (16, 0.26), (32, 0.42), (64, 0.74))
        reserved = next((share for cores, share in steps if self.cores <= cores), 0.74)
        return self.cores - reserved

    @property
    def allocatable_memory_gb(self) -> float:
        """What Kubernetes leaves for containers, in GiB.

        AKS reserves 25 % of the first 4 GiB, 20 % of the next 4, 10 % of the next 8, 6 % of the next 112 and
        2 % of the rest, and keeps 750 MiB for eviction (AKS documentation, "Node resource reservations").
        """
        left, reserved = self.memory_gb, 0.75
        for size, share in ((4, 0.25), (4, 0.2), (8, 0.1), (112, 0.06), (float("inf"), 0.02)):
            part = min(left, size)
            reserved += part * share
            left -= part
        return max(0.0, self.memory_gb - reserved)


@cache
def vm_sizes() -> dict[str, VmSize]:
    """All sizes that are known, by their names in lower case: Azure does not tell cases apart."""
    values = json.loads(Path(__file__).with_name("vm_sizes.json").read_text(encoding="utf-8"))
    retired = {name: date.fromisoformat(day) for day, names in values["retired"].items() for name in names}
    return {
        name.lower(): VmSize(name, cores, memory, gpus, retired.get(name))
        for name, (cores, memory, gpus) in values["sizes"].items()
    }


def vm_size(name: str) -> VmSize | None:
    """The size of that name; None when the table does not hold it."""
    return vm_sizes().get(name.lower())


@cache
def regions() -> frozenset[str]:
    """The short names of Azure's regions, out of `regions.json`, which names its source."""
    values = json.loads(Path(__file__).with_name("regions.json").read_text(encoding="utf-8"))
    return frozenset(values["regions"])
