"""JSON patches as azureml-core sends them: `replace` also makes what is not there yet."""

from __future__ import annotations

import copy
from typing import Any

from toc_build.rehearsal.domain.refusals import Refusal

_OPERATIONS = ("add", "replace", "remove")


def apply_patch(document: dict[str, Any], patch: Any) -> dict[str, Any]:
    """A copy of the document with the patch applied.

    Raises:
        Refusal: the patch cannot be read, or takes away what is not there.
    """
    if not isinstance(patch, list):
        raise Refusal("ValidationError", "The request content must be a JSON patch: a list of operations.")
    result = copy.deepcopy(document)
    for item in patch:
        operation = str(item.get("op", "")).lower() if isinstance(item, dict) else ""
        path = str(item.get("path", "")) if isinstance(item, dict) else ""
        if operation not in _OPERATIONS or not path.startswith("/"):
            raise Refusal("ValidationError", f"{operation!r} of {path!r} is no operation of a JSON patch.")
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]
        place: Any = result
        for part in parents:
            if not isinstance(place.get(part), dict):
                place[part] = {}
            place = place[part]
        if operation == "remove":
            if last not in place:
                raise Refusal("ValidationError", f"There is nothing at {path} to remove.")
            del place[last]
        else:
            place[last] = item.get("value")
    return result
