from __future__ import annotations

from datetime import date

import pytest

from toc_build.targets.azure.vm_sizes import vm_size, vm_sizes


@pytest.mark.parametrize(
    ("name", "cores", "memory_gb", "gpus"),
    [
        ("Standard_D3_v2", 4, 14, 0),
        ("standard_ds3_V2", 4, 14, 0),
        ("Standard_D4s_v3", 4, 16, 0),
        ("Standard_NC6s_v3", 6, 112, 1),
        ("Standard_NC4as_T4_v3", 4, 28, 1),
    ],
)
def test_sizes_by_name(name: str, cores: int, memory_gb: float, gpus: int) -> None:
    size = vm_size(name)
    assert size is not None
    assert (size.cores, size.memory_gb, size.gpus) == (cores, memory_gb, gpus)


def test_a_size_that_is_not_known() -> None:
    assert vm_size("Standard_Z1") is None


def test_a_node_offers_less_than_it_has() -> None:
    size = vm_size("Standard_D4s_v3")
    assert size is not None
    assert size.allocatable_cores == pytest.approx(3.86)
    assert size.allocatable_memory_gb == pytest.approx(16 - 0.75 - 1.0 - 0.8 - 0.8)
    assert all(0 <= item.allocatable_memory_gb < item.memory_gb for item in vm_sizes().values())
    assert all(0 < item.allocatable_cores < item.cores for item in vm_sizes().values())


def test_what_azure_has_taken_out_of_service() -> None:
    retired = {name for name, size in vm_sizes().items() if size.retired}
    assert {"standard_nc6", "standard_nc6s_v2", "standard_nc6s_v3"} <= retired
    size = vm_size("Standard_NC6s_v3")
    assert size is not None
    assert size.retired == date(2025, 9, 30)
    assert "standard_nc4as_t4_v3" not in retired
