"""Assets and registered models: numbered versions of uploaded content."""

from __future__ import annotations

import uuid
from typing import Any

from toc_build.rehearsal.domain import names
from toc_build.rehearsal.domain.artifacts import Artifacts
from toc_build.rehearsal.domain.clock import Clock, iso
from toc_build.rehearsal.domain.records import Model
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.domain.store import Document, Store


class Models:
    """The models of a workspace."""

    def __init__(self, store: Store, scope: str, artifacts: Artifacts, clock: Clock) -> None:
        self._store, self._scope, self._artifacts, self._clock = store, scope, artifacts, clock

    def create_asset(self, document: Document) -> Document:
        """Keeps an asset under a new id; `document` is its API's own spelling."""
        asset = {**document, "id": uuid.uuid4().hex, "createdTime": iso(self._clock())}
        self._store.put(self._scope, "asset", asset["id"], asset)
        return asset

    def asset(self, asset: str) -> Document:
        """An asset.

        Raises:
            Refusal: there is none.
        """
        found = self._store.get(self._scope, "asset", asset)
        if found is None:
            raise Refusal("AssetNotFound", f"There is no asset {asset}.", 404)
        return found

    def register(self, name: str, content: list[str], asset: str, **kept: Any) -> Model:
        """Makes the next version of a model.

        Args:
            name: of the model.
            content: prefixes of its artifacts.
            asset: id of the asset that names them.
            kept: tags, properties, description, document.

        Raises:
            Refusal: the name is not allowed, or nothing was uploaded.
        """
        names.check_model(name)
        if not any(self._artifacts.below(prefix) for prefix in content):
            raise Refusal("ModelContentMissing", f"Nothing was uploaded for the model {name}.", 400)
        version = self._store.next_number(f"{self._scope}/model/{name}")
        model = Model(name, version, content, asset, iso(self._clock()), **kept)
        self.save(model)
        return model

    def save(self, model: Model) -> None:
        """Writes a model back."""
        self._store.put(self._scope, "model", model.id, model.to_json())

    def get(self, identity: str) -> Model:
        """A model by `name:version`.

        Raises:
            Refusal: there is none.
        """
        found = self._store.get(self._scope, "model", identity)
        if found is None:
            raise Refusal("ModelNotFound", f"Model with id {identity} not found in provided workspace", 404)
        return Model.from_json(found)

    def list(self, name: str | None = None, *, latest: bool = False) -> list[Model]:
        """Models, the newest first.

        Args:
            name: of those wanted; None for all.
            latest: only the newest version of each.
        """
        found = [Model.from_json(item) for item in self._store.all(self._scope, "model")]
        found = [model for model in found if name is None or model.name == name]
        found.sort(key=lambda model: (model.created, model.version), reverse=True)
        if latest:
            seen: set[str] = set()
            found = [model for model in found if not (model.name in seen or seen.add(model.name))]  # type: ignore[func-returns-value]
        return found

    def delete(self, identity: str) -> bool:
        """Removes a version; False when there was none."""
        return self._store.delete(self._scope, "model", identity)
