"""The targets of the cloud, `aci` and `aks`: through an SDK of Azure ML in a process of its own."""
