"""Cores, memory and GPUs of the VM sizes that clusters are commonly made of.

Source: the size tables below https://learn.microsoft.com/azure/virtual-machines/sizes. A size that is not
here is refused by the rehearsal, which cannot know its cores.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VmSize:
    """One node's machine: virtual cores, memory in GB, GPUs."""

    cores: int
    memory_gb: float
    gpus: int = 0


VM_SIZES = {
    "Standard_A1_v2": VmSize(1, 2),
    "Standard_A2_v2": VmSize(2, 4),
    "Standard_A4_v2": VmSize(4, 8),
    "Standard_B2s": VmSize(2, 4),
    "Standard_B4ms": VmSize(4, 16),
    "Standard_D1_v2": VmSize(1, 3.5),
    "Standard_D2_v2": VmSize(2, 7),
    "Standard_D3_v2": VmSize(4, 14),
    "Standard_D4_v2": VmSize(8, 28),
    "Standard_D5_v2": VmSize(16, 56),
    "Standard_DS1_v2": VmSize(1, 3.5),
    "Standard_DS2_v2": VmSize(2, 7),
    "Standard_DS3_v2": VmSize(4, 14),
    "Standard_DS4_v2": VmSize(8, 28),
    "Standard_DS5_v2": VmSize(16, 56),
    "Standard_D2_v3": VmSize(2, 8),
    "Standard_D4_v3": VmSize(4, 16),
    "Standard_D8_v3": VmSize(8, 32),
    "Standard_D16_v3": VmSize(16, 64),
    "Standard_D2s_v3": VmSize(2, 8),
    "Standard_D4s_v3": VmSize(4, 16),
    "Standard_D8s_v3": VmSize(8, 32),
    "Standard_D16s_v3": VmSize(16, 64),
    "Standard_E2s_v3": VmSize(2, 16),
    "Standard_E4s_v3": VmSize(4, 32),
    "Standard_F2s_v2": VmSize(2, 4),
    "Standard_F4s_v2": VmSize(4, 8),
    "Standard_F8s_v2": VmSize(8, 16),
    "Standard_F16s_v2": VmSize(16, 32),
    "Standard_NC6": VmSize(6, 56, 1),
    "Standard_NC12": VmSize(12, 112, 2),
    "Standard_NC6s_v3": VmSize(6, 112, 1),
    "Standard_NC12s_v3": VmSize(12, 224, 2),
    "Standard_NC4as_T4_v3": VmSize(4, 28, 1),
    "Standard_NC8as_T4_v3": VmSize(8, 56, 1),
    "Standard_NV6": VmSize(6, 56, 1),
}
_BY_LOWER = {name.lower(): size for name, size in VM_SIZES.items()}


def vm_size(name: str) -> VmSize | None:
    """The size of that name in any case, or None when it is not in the table."""
    return _BY_LOWER.get(name.lower())
