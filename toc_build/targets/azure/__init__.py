"""The cloud's targets: `aci` and `aks`, through Azure ML's SDK v1 in a process of its own."""
