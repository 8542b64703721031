"""Checkpoints as people have them, and files that are made to harm."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from argparse import ArgumentParser, Namespace
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from style_atelier.models.weights.convert import safetensors_beside
from style_atelier.models.weights.errors import CheckpointError
from style_atelier.models.weights.readers import read_checkpoint

STATE = {"conv.weight": torch.arange(24.0).reshape(2, 3, 2, 2), "conv.bias": torch.arange(2.0)}


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return list(one) == list(two) and all(torch.equal(one[key], two[key]) and one[key].dtype == two[key].dtype for key in one)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    ("content", "networks", "metadata"),
    [
        (STATE, [], {}),
        (OrderedDict(STATE), [], {}),
        ({f"module.{key}": value for key, value in STATE.items()}, [], {}),
        ({"epoch": 20, "model": STATE}, ["model"], {"epoch": "20"}),
        (
            {
                "state_dict": {f"module.{key}": value for key, value in STATE.items()},
                "optimizer": {"state": {0: {"m": torch.ones(3)}}},
            },
            ["state_dict"],
            {},
        ),
        ({"params": STATE, "discriminator": {"d": torch.ones(9)}}, ["params", "discriminator"], {}),
        ({"decoder_only": STATE}, ["decoder_only"], {}),
        ({"a": {"b": STATE}, "lr": 0.1, "name": "x"}, ["a.b"], {"lr": "0.1", "name": "x"}),
        ({key: torch.nn.Parameter(value) for key, value in STATE.items()}, [], {}),
    ],
)
def test_usual_containers(tmp_path, content, networks, metadata, zipped):
    path = tmp_path / "weights.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    raw = read_checkpoint(path)
    assert same(raw.tensors, STATE)
    assert list(raw.networks) == networks
    assert raw.metadata == metadata
    assert not any(tensor.requires_grad for tensor in raw.tensors.values())
    copy = safetensors_beside(path)
    assert copy.name == "weights.pth.converted.safetensors"
    assert sorted(os.listdir(tmp_path)) == ["weights.pth", copy.name]
    again = read_checkpoint(copy)
    assert same(again.tensors, STATE)
    assert list(again.networks) == networks
    assert again.metadata == metadata
    assert all(same(again.networks[name], raw.networks[name]) for name in networks)


def test_several_networks_without_a_usual_name(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"genA": {"w": torch.ones(1)}, "genB": {"w": torch.zeros(1)}}, path)
    for file in (path, safetensors_beside(path)):
        raw = read_checkpoint(file)
        assert list(raw.networks) == ["genA", "genB"]
        assert list(raw.tensors) == ["genA.w", "genB.w"]


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_settings_of_a_training_script_beside_the_network(tmp_path, zipped):
    path = tmp_path / "550000.pt"
    settings = Namespace(size=256, r1=10.0, name="ffhq", nested=Namespace(depth=2), thing=None)
    torch.save({"g_ema": STATE, "args": settings}, path, _use_new_zipfile_serialization=zipped)
    raw = read_checkpoint(path)
    assert same(raw.tensors, STATE)
    assert raw.metadata == {"args.size": "256", "args.r1": "10.0", "args.name": "ffhq", "args.nested.depth": "2"}
    torch.save({"g_ema": STATE, "args": ArgumentParser}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match="more than plain tensors"):
        read_checkpoint(path)


def test_views_ties_and_kinds_of_numbers_survive_conversion(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    state = {
        "a": base,
        "b": base,
        "t": base.t(),
        "row": base[1],
        "half": base.half(),
        "n": torch.tensor(3),
        "none": torch.zeros(0, 4),
        "odd::key": base,
    }
    path = tmp_path / "weights.pth"
    torch.save(state, path)
    copy = safetensors_beside(path)
    assert copy != path
    assert same(read_checkpoint(copy).tensors, state)
    save_file({"a": base}, tmp_path / "own.safetensors")
    assert safetensors_beside(tmp_path / "own.safetensors") == tmp_path / "own.safetensors"


def test_a_copy_is_kept_until_its_original_changes(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(STATE, path)
    made = safetensors_beside(path).stat().st_mtime_ns
    assert safetensors_beside(path).stat().st_mtime_ns == made
    os.utime(path, (1, 1))
    assert safetensors_beside(path).stat().st_mtime_ns == made
    torch.save({key: value + 1 for key, value in STATE.items()}, path)
    assert torch.equal(read_checkpoint(safetensors_beside(path)).tensors["conv.bias"], STATE["conv.bias"] + 1)
    safetensors_beside(path).write_bytes(b"damaged")
    assert same(read_checkpoint(safetensors_beside(path)).tensors, {key: value + 1 for key, value in STATE.items()})


def test_the_original_serves_where_no_copy_can_be_written(tmp_path, monkeypatch):
    path = tmp_path / "weights.pth"
    torch.save(STATE, path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("style_atelier.models.weights.convert.save_file", full)
    assert safetensors_beside(path) == path
    assert os.listdir(tmp_path) == ["weights.pth"]


class Harm:
    """Pickles to a call that leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def zipped_index(index: bytes, **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", index)
        archive.writestr("archive/version", b"3\n")
        for name, data in members.items():
            archive.writestr(f"archive/{name}", data)
    return buffer.getvalue()


def saved(content: object, zipped: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def header(tensors: object, data: bytes = b"") -> bytes:
    text = json.dumps(tensors).encode()
    return struct.pack("<Q", len(text)) + text + data


def packed(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("pickle"), io.BytesIO(b""))
    return buffer.getvalue()


def scripted() -> bytes:
    return zipped_index(pickle.dumps({}), **{"constants.pkl": b"", "code/x.py": b""})


F4 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
BIG = torch.zeros(1).expand(1 << 20, 1 << 20)
SECOND = saved({"w": torch.zeros(1000)})

HOSTILE = {
    "missing": (None, "cannot be read"),
    "empty": (b"", "is empty"),
    "html": (b"\n<!DOCTYPE html><html>Not found", "web page"),
    "lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "only points to the weights"),
    "annex pointer": (b"/annex/objects/SHA256E-s1--00.pth\n", "only points to the weights"),
    "text": (b"hello, I am not a checkpoint", "neither safetensors nor"),
    "noise": (b"\x01" * 4000, "neither safetensors nor"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(99), "neither safetensors nor"),
    "tar": (tarred(), "neither safetensors nor"),
    "bare pickle": (pickle.dumps({"w": 1}), "bare pickle"),
    "zip of something else": (packed(zipped_index(b"")).replace(b"data.pkl", b"data.txt"), "no PyTorch checkpoint"),
    "cut zip": (SECOND[:-300], "cut short or damaged"),
    "cut zip head": (SECOND[:40], "cut short or damaged"),
    "cut legacy": (saved(STATE, False)[:-20], "damaged"),
    "cut legacy early": (saved(STATE, False)[:60], "cut short or damaged"),
    "zip bomb": (packed(saved({"w": torch.zeros(1 << 20)})), "unpack to more than it is"),
    "torchscript": (scripted(), "TorchScript"),
    "a list": (saved([1.0, 2.0]), "holds a list"),
    "a tensor": (saved(torch.ones(1)), "holds a Tensor"),
    "no tensors": (saved({"conv.weight": [1, 2, 3], "epoch": 3}), "holds no tensors"),
    "absurd view": (saved({"w": BIG}), "more than the file holds"),
    "absurd view legacy": (saved({"w": BIG}, False), "more than the file holds"),
    "many views": (saved({str(n): torch.zeros(1).expand(30000) for n in range(4000)}), "far more numbers"),
    "meta tensor": (saved({"w": torch.empty(1 << 40, device="meta")}), "more than plain tensors"),
    "sparse": (saved({"w": torch.eye(3).to_sparse()}), "more than plain tensors"),
    "header too long": (struct.pack("<Q", 1 << 60) + b"{" + bytes(99), "header claims"),
    "header no list": (struct.pack("<Q", 2) + b"{x", "no list of tensors"),
    "header of lists": (header({"w": [1]}), "no list of tensors"),
    "cut safetensors": (header({"w": F4}, bytes(4)), "cut short or damaged"),
    "long safetensors": (header({"w": F4}, bytes(12)), "cut short or damaged"),
    "wrong shape": (header({"w": {**F4, "shape": [1 << 50]}}, bytes(8)), "damaged"),
    "overlap": (header({"w": {**F4, "data_offsets": [0, 4]}, "v": F4}, bytes(8)), "damaged"),
    "negative": (header({"w": {**F4, "data_offsets": [-8, 8]}}, bytes(8)), "damaged"),
    "unknown numbers": (header({"w": {**F4, "dtype": "Z9"}}, bytes(8)), "damaged"),
    "deep header": (struct.pack("<Q", 50005) + b'{"a":' + b"[" * 50000, "no list of tensors"),
    "no tensors safetensors": (header({"__metadata__": {}}), "holds no tensors"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_in_one_sentence(tmp_path, name):
    content, said = HOSTILE[name]
    path = tmp_path / "weights.pth"
    if content is not None:
        path.write_bytes(content)
    for read in (read_checkpoint, safetensors_beside):
        if name == "no tensors safetensors" and read is safetensors_beside:
            continue
        with pytest.raises(CheckpointError, match=said) as caught:
            read_checkpoint(read(path))
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert str(caught.value).endswith(".")
    assert not list(tmp_path.glob("*converted*"))


@pytest.mark.parametrize("form", ["zip", "legacy", "bare", "first of legacy", "inside zip"])
def test_code_in_a_pickle_never_runs(tmp_path, form, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    mark, path = tmp_path / "ran", tmp_path / "weights.pth"
    harm = {"w": torch.ones(1), "x": Harm(mark)}
    legacy = saved(STATE, False)
    magic = legacy[: legacy.index(b".") + 1]
    path.write_bytes(
        {
            "zip": lambda: saved(harm),
            "legacy": lambda: saved(harm, False),
            "bare": lambda: pickle.dumps(Harm(mark)),
            "first of legacy": lambda: magic + pickle.dumps(Harm(mark)) * 4,
            "inside zip": lambda: zipped_index(pickle.dumps(Harm(mark))),
        }[form]()
    )
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    assert not mark.exists()
    if form in ("zip", "legacy", "inside zip"):
        assert "mkdir" in str(caught.value)
        assert "no code from a checkpoint is ever run" in str(caught.value)


def test_a_lying_index_cannot_reach_outside_the_file(tmp_path):
    """The zip's index says that a storage has a million numbers where it has one."""
    content = saved({"w": torch.full((1,), 7.0)})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            if name.endswith("data.pkl"):
                data = data.replace(b"K\x01Ntq\x07Q", b"J\x00\x00\x10\x00Ntq\x07Q").replace(b"K\x01tq", b"tq")
                data = data.replace(b"K\x01\x85", b"J\x00\x00\x10\x00\x85")
            archive.writestr(name, data)
    path = tmp_path / "weights.pth"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(CheckpointError):
        read_checkpoint(path)


def test_a_legacy_file_that_claims_too_much_is_refused_before_memory_is_taken(tmp_path):
    content = saved({"w": torch.zeros(70000)}, False)
    number = struct.pack("<I", 70000)
    assert b"J" + number in content
    path = tmp_path / "weights.pth"
    path.write_bytes(content.replace(b"J" + number, b"J" + struct.pack("<I", 0x7FFFFFFF)))
    with pytest.raises(CheckpointError, match="more than the file has bytes"):
        read_checkpoint(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_random_damage_is_an_error_or_a_checkpoint(tmp_path, zipped):
    content = bytearray(saved(STATE, zipped))
    generator = torch.Generator().manual_seed(3)
    path = tmp_path / "weights.pth"
    for _ in range(150):
        damaged = bytearray(content)
        for at in torch.randint(len(content), (3,), generator=generator).tolist():
            damaged[at] = int(torch.randint(256, (1,), generator=generator))
        path.write_bytes(damaged)
        with suppress(CheckpointError):
            read_checkpoint(path)
