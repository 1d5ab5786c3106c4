"""Reading and writing the text of a lock."""

from __future__ import annotations

from toc_build.environment.lock_file import (
    inputs_hash,
    lock_text,
    read_lock,
    with_hashes_of,
    without_comments,
)
from toc_build.repository import Repository

HASH = "0" * 64
BODY = f"""\
numpy==2.3.2 ; sys_platform == 'linux' \\
    --hash=sha256:{HASH} \\
    --hash=sha256:{HASH}
    # via conda.yml
Rich[jupyter]==13.0 \\
    --hash=sha256:{HASH}
"""


def test_round_trip(repository: Repository) -> None:
    lock = read_lock(lock_text(repository.conda, "conda.yml", BODY))
    assert lock.intact
    assert lock.strange is None
    assert lock.inputs == inputs_hash(repository.conda)
    assert [(pin.name, pin.version, pin.hashes) for pin in lock.pins] == [
        ("numpy", "2.3.2", 2),
        ("rich", "13.0", 1),
    ]
    assert lock.pins[0].requirement == "numpy==2.3.2 ; sys_platform == 'linux'"
    assert lock.pins[1].requirement == "Rich[jupyter]==13.0"


def test_line_ends_of_windows_change_nothing(repository: Repository) -> None:
    text = lock_text(repository.conda, "conda.yml", BODY)
    assert read_lock("\ufeff" + text.replace("\n", "\r\n")).intact
    assert without_comments(text.replace("\n", "\r\n")) == without_comments(text)


def test_an_edit_is_seen(repository: Repository) -> None:
    text = lock_text(repository.conda, "conda.yml", BODY)
    assert not read_lock(text.replace("numpy==2.3.2", "numpy==2.3.1")).intact
    assert not read_lock(text + "rich==14\n").intact


def test_conflict_markers_are_strange(repository: Repository) -> None:
    text = lock_text(repository.conda, "conda.yml", BODY)
    lock = read_lock(text.replace("Rich[", "<<<<<<< ours\nRich["))
    assert lock.strange is not None
    assert lock.strange[1] == "<<<<<<< ours"
    assert not lock.intact


def test_a_lock_of_another_tool() -> None:
    lock = read_lock("# pip-compile\nnumpy==1.26\n")
    assert lock.inputs is None
    assert [pin.hashes for pin in lock.pins] == [0]


def test_anything_can_be_read() -> None:
    for text in ("", "\n", "\\", "-e .", "==", "numpy", "--hash=sha256:0", "\x00"):
        assert read_lock(text).pins == ()


def test_comments_do_not_count() -> None:
    assert without_comments(BODY) == without_comments(
        "# other\n\n" + BODY.replace("    # via conda.yml\n", "")
    )


def test_hashes_of_an_earlier_lock_are_kept_beside_the_new_ones() -> None:
    other = "f" * 64
    new = BODY.replace(HASH, other).replace("Rich[jupyter]==13.0", "Rich[jupyter]==14.0")
    both = with_hashes_of(BODY, new)
    pins = read_lock(both).pins
    assert [(pin.version, pin.hashes) for pin in pins] == [("2.3.2", 4), ("14.0", 1)]
    assert read_lock(both).strange is None
    assert with_hashes_of(both, both) == both
