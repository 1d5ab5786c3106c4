"""Deliberately broken scorers. Importing this folder fills `support.contract_registry.BROKEN`."""

from contract.broken_scorers import boxes, formats, refusals, shapes, state, values

__all__ = ["boxes", "formats", "refusals", "shapes", "state", "values"]
