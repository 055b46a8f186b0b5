"""What the services' ledgers ask of an image, and what they do not: the rule by which backups are judged."""

import hashlib
import json
from pathlib import Path

import pytest

import paths  # noqa: F401
from services import ledger

Q, R = 100, 200


def claimed(folder: Path, *notes: tuple) -> dict[str, str | None]:
    """Path -> content that an image between Q and R must hold; None: no such file."""
    lines = []
    for t, op, name, *rest in notes:
        note = {"t": t, "op": op, "path": f"data:/{name}"}
        if op == "kept":
            note |= {"length": len(rest[0]), "sha256": hashlib.sha256(rest[0].encode()).hexdigest()}
        lines.append(json.dumps(note))
    (folder / "a.ledger").write_text("\n".join(lines) + "\n")
    return {claim.path.removeprefix("data:/"): claim.sha256 for claim in ledger.claims(folder, Q, R)}


def of(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def test_what_was_synced_before_must_be_there(tmp_path: Path) -> None:
    assert claimed(tmp_path, (1, "begin", "x"), (2, "kept", "x", "one")) == {"x": of("one")}


def test_what_was_removed_before_must_not_be_there(tmp_path: Path) -> None:
    notes = (1, "begin", "x"), (2, "kept", "x", "one"), (3, "begin", "x"), (4, "gone", "x")
    assert claimed(tmp_path, *notes) == {"x": None}


def test_only_the_last_content_before_counts(tmp_path: Path) -> None:
    assert claimed(tmp_path, (1, "kept", "x", "one"), (2, "kept", "x", "two")) == {"x": of("two")}


@pytest.mark.parametrize("begun", [Q - 1, Q + 1, R - 1])
def test_of_what_was_in_flight_nothing_is_asked(begun: int, tmp_path: Path) -> None:
    assert claimed(tmp_path, (1, "kept", "x", "one"), (begun, "begin", "x")) == {}
    assert claimed(tmp_path, (1, "kept", "x", "one"), (begun, "begin", "x"), (R + 9, "kept", "x", "two")) == {}


def test_what_began_after_the_release_changes_nothing(tmp_path: Path) -> None:
    notes = (1, "kept", "x", "one"), (R, "begin", "x"), (R + 1, "gone", "x")
    assert claimed(tmp_path, *notes) == {"x": of("one")}


def test_what_was_synced_later_is_not_asked(tmp_path: Path) -> None:
    assert claimed(tmp_path, (R + 1, "begin", "x"), (R + 2, "kept", "x", "one")) == {}


def test_a_new_generation_knows_what_is_kept_and_forgets_what_is_long_gone(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(ledger, "GENERATION", 20000)
    book = ledger.Ledger(tmp_path / "a.ledger", "data:/folder")
    book.kept("stays", b"for ever")
    for number in range(400):
        book.begin(f"new-{number}")
        book.gone(f"new-{number}")
    assert (tmp_path / "a.before").exists() and (tmp_path / "a.ledger").stat().st_size < 20000
    found = {claim.path: claim.sha256 for claim in ledger.claims(tmp_path, 1 << 62, 1 << 63)}
    assert found["data:/folder/stays"] == hashlib.sha256(b"for ever").hexdigest()
    assert found["data:/folder/new-399"] is None and "data:/folder/new-0" not in found


def test_a_service_that_starts_again_goes_on_in_its_ledger(tmp_path: Path) -> None:
    ledger.Ledger(tmp_path / "a.ledger", "data:").kept("x", b"one")
    again = ledger.Ledger(tmp_path / "a.ledger", "data:")
    again.kept("y", b"two", offset=4096)
    assert set(again.known) == {"data:/x", "data:/y@4096"}
    assert {(claim.path, claim.offset) for claim in ledger.claims(tmp_path, 1 << 62, 1 << 63)} == \
        {("data:/x", None), ("data:/y", 4096)}
