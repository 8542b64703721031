"""A file or its converted copy with a flipped bit is noticed: at once where a date tells, else when it is hashed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from style_atelier.models.weights.convert import copy_of, safetensors_beside
from style_atelier.models.weights.errors import CheckpointError
from style_atelier.models.weights.ledger import read_record, record_path
from style_atelier.models.weights.readers import read_checkpoint
from style_atelier.models.weights.verification import Verification

STATE = {"conv.weight": torch.arange(24.0), "conv.bias": torch.arange(2.0)}


def flip(path: Path, at: int = -5, same_date: bool = False) -> None:
    """Turn one bit around."""
    stat, data = path.stat(), bytearray(path.read_bytes())
    data[at] ^= 16
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns if same_date else stat.st_mtime_ns + 10**10))


def test_a_copy_under_another_date_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save(STATE, path)
    flip(safetensors_beside(path))
    assert torch.equal(read_checkpoint(safetensors_beside(path)).tensors["conv.weight"], STATE["conv.weight"])


def test_a_copy_that_was_only_touched_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save(STATE, path)
    os.utime(safetensors_beside(path), (1, 1))
    assert safetensors_beside(path).stat().st_mtime == 1


def test_a_copy_under_the_same_date_is_found_by_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save(STATE, path)
    flip(safetensors_beside(path), same_date=True)
    Verification(0).check(path)
    assert not copy_of(path).exists()
    assert torch.equal(read_checkpoint(safetensors_beside(path)).tensors["conv.weight"], STATE["conv.weight"])


def test_a_copy_that_is_a_link_is_not_used(tmp_path: Path) -> None:
    path, other = tmp_path / "x.pth", tmp_path / "y.pth"
    torch.save(STATE, path)
    torch.save({"w": torch.ones(3)}, other)
    copy_of(path).symlink_to(safetensors_beside(other))
    assert set(read_checkpoint(safetensors_beside(path)).tensors) == set(STATE)


def test_an_own_file_under_the_same_date(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "own.safetensors"
    save_file(STATE, path)
    session = Verification(0)
    assert session.used(path) == ""
    session.wait()
    session.check(path)
    assert read_record(path)
    flip(path, same_date=True)
    later = Verification(0)
    with pytest.raises(CheckpointError, match="under the same date"):
        later.used(path, at_once=True)
    with pytest.raises(CheckpointError, match="under the same date"):
        later.used(path)
    record_path(path).unlink()
    assert Verification(0).used(path, at_once=True) == ""


def test_an_own_file_that_the_person_changed(tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    save_file(STATE, path)
    Verification(0).check(path)
    flip(path)
    session = Verification(0)
    assert "has changed since it was first used" in session.used(path, at_once=True)
    assert session.used(path) == ""
