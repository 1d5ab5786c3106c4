"""A process that deploys: `python -m support.targets_deploy apply|foreground STATE BUNDLE PORT`.

Killed by tests in the middle.
"""

from __future__ import annotations

import sys
from pathlib import Path

from support.targets_bundles import HandMadeBundle, target


def main() -> None:
    command, state, bundle, port = sys.argv[1:]
    local = target(Path(state), int(port))
    made = HandMadeBundle(Path(bundle), "sha256:" + "d" * 64)
    if command == "apply":
        for event in local.apply(made):
            print(event.kind.value, event.text, flush=True)
        return
    with local.foreground() as stopped:
        for event in local.apply(made):
            print(event.kind.value, event.text, flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
