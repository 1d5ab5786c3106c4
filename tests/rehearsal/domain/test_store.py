"""Documents on disk."""

from __future__ import annotations

import threading
from pathlib import Path

from toc_build.rehearsal.domain.store import Store


def test_documents_survive_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite")
    store.put("w", "model", "a", {"x": [1, None]})
    store.next_number("n")
    store.close()
    again = Store(tmp_path / "state.sqlite")
    assert again.get("w", "model", "a") == {"x": [1, None]}
    assert again.next_number("n") == 2
    again.close()


def test_scopes_and_kinds_are_apart(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite")
    store.put("w", "model", "b", {"n": 2})
    store.put("w", "model", "a", {"n": 1})
    store.put("v", "model", "c", {"n": 3})
    assert [item["n"] for item in store.all("w", "model")] == [1, 2]
    assert store.all("w", "service") == []
    assert sorted(scope for scope, _ in store.everywhere("model")) == ["v", "w", "w"]
    assert store.delete("w", "model", "a")
    assert not store.delete("w", "model", "a")
    assert store.get("w", "model", "a") is None
    store.close()


def test_numbers_are_never_given_twice(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite")
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.extend(store.next_number("n") for _ in range(50)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 201))
    store.close()
