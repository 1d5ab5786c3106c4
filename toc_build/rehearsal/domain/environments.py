"""Registered environments: numbered definitions, kept as their API spelled them."""

from __future__ import annotations

import json

from toc_build.rehearsal.domain import names
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.domain.store import Document, Store


class Environments:
    """The environments of a workspace."""

    def __init__(self, store: Store, scope: str) -> None:
        self._store, self._scope = store, scope

    def register(self, name: str, definition: Document) -> Document:
        """Makes the next version, or gives the newest when it is defined just so already.

        Raises:
            Refusal: the name is not allowed.
        """
        names.check_environment(name)
        content = {key: value for key, value in definition.items() if key.lower() not in {"name", "version"}}
        newest = self._newest(name)
        if newest is not None and json.dumps(newest["definition"], sort_keys=True) == json.dumps(
            content, sort_keys=True
        ):
            return newest
        version = self._store.next_number(f"{self._scope}/environment/{name}")
        document: Document = {"name": name, "version": str(version), "definition": content}
        self._store.put(self._scope, "environment", f"{name}:{version:09d}", document)
        return document

    def get(self, name: str, version: str | None = None) -> Document:
        """A version of an environment, the newest when none is named.

        Raises:
            Refusal: there is none.
        """
        found = (
            self._newest(name)
            if version is None
            else self._store.get(self._scope, "environment", f"{name}:{version:0>9}")
        )
        if found is None:
            raise Refusal(
                "EnvironmentNotFound", f"There is no environment {name} {version or ''}".rstrip(), 404
            )
        return found

    def list(self) -> list[Document]:
        """The newest version of every environment."""
        newest = {item["name"]: item for item in self._store.all(self._scope, "environment")}
        return [newest[name] for name in sorted(newest)]

    def _newest(self, name: str) -> Document | None:
        versions = [item for item in self._store.all(self._scope, "environment") if item["name"] == name]
        return versions[-1] if versions else None
