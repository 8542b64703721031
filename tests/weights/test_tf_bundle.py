"""TensorFlow checkpoints are read without TensorFlow, and damaged ones are refused in a sentence."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from style_atelier.models.weights.errors import CheckpointError
from style_atelier.models.weights.readers import read_checkpoint
from style_atelier.models.weights.tf_bundle import data_files, index_of, read_bundle
from style_atelier.tests.weights.bundle_writer import MAGIC, block, entry, masked_crc, nested, number, table, varint, write_bundle

ARRAYS = {
    "generator/conv/kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "generator/conv/bias": np.arange(4, dtype=np.float64),
    "generator/steps": np.array([5, 6], dtype=np.int64),
    "generator/flag": np.array([True, False]),
    "generator/half": np.ones(3, dtype=np.float16),
    "generator/scalar": np.float32(3).reshape(()),
    "generator/none": np.zeros((0, 3), dtype=np.float32),
}
SLOTS = {
    "generator/conv/kernel/Adam": np.zeros(2, dtype=np.float32),
    "generator/conv/kernel/Adam_1": np.zeros(2, dtype=np.float32),
    "beta1_power": np.zeros((), dtype=np.float32),
    "beta2_power_1": np.zeros((), dtype=np.float32),
    "global_step": np.zeros((), dtype=np.int64),
}


@pytest.mark.parametrize("shards", [1, 2])
def test_arrays_come_back(tmp_path: Path, shards: int) -> None:
    index = write_bundle(tmp_path / "net-100", {**ARRAYS, **SLOTS}, shards)
    found = read_bundle(index)
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found[name].numpy().dtype == array.dtype
        np.testing.assert_array_equal(found[name].numpy(), array)
    assert len(data_files(index)) == shards


def test_any_of_its_files_stands_for_it(tmp_path: Path) -> None:
    index = write_bundle(tmp_path / "net-100", ARRAYS)
    for name in ("net-100", "net-100.index", "net-100.meta", "net-100.data-00000-of-00001"):
        assert index_of(tmp_path / name) == index
        assert read_checkpoint(tmp_path / name).tensors.keys() == ARRAYS.keys()
    (tmp_path / "other.index").write_bytes(b"a list of words, nothing more")
    assert index_of(tmp_path / "other.index") is None
    assert index_of(tmp_path / "absent.pth") is None
    (tmp_path / "net-100").write_bytes(b"a file of another kind")
    assert index_of(tmp_path / "net-100") is None
    for name in ("", ".", "/", "a\0b"):
        assert index_of(Path(name)) is None


def test_moved_to_another_name_or_without_its_data(tmp_path: Path) -> None:
    index = write_bundle(tmp_path / "net", ARRAYS)
    data_files(index)[0].unlink()
    with pytest.raises(CheckpointError, match="put both files in the same folder"):
        read_bundle(index)


def test_data_cut_short(tmp_path: Path) -> None:
    index = write_bundle(tmp_path / "net", ARRAYS)
    data = data_files(index)[0]
    data.write_bytes(data.read_bytes()[:50])
    with pytest.raises(CheckpointError, match="cut short"):
        read_bundle(index)


@pytest.mark.parametrize("keep", [0, 20, 100, -1])
def test_index_cut_short(tmp_path: Path, keep: int) -> None:
    index = write_bundle(tmp_path / "net", ARRAYS)
    index.write_bytes(index.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"damaged or cut short \(.*\); download"):
        read_bundle(index)


def test_every_single_changed_byte_is_noticed_or_harmless(tmp_path: Path) -> None:
    index = write_bundle(tmp_path / "net", ARRAYS)
    whole = index.read_bytes()
    for place in range(0, len(whole), 3):
        index.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            found = read_bundle(index)
        except CheckpointError:
            continue
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(found[name].numpy(), array)


def test_compressed_blocks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="compressed"):
        read_bundle(write_bundle(tmp_path / "net", ARRAYS, compression=1))


def claims(tmp_path: Path, row: bytes) -> Path:
    (tmp_path / "net.data-00000-of-00001").write_bytes(bytes(64))
    index = tmp_path / "net.index"
    index.write_bytes(table([(b"", number(1, 1)), (b"x", row)]))
    return index


def test_shape_that_does_not_fit_its_bytes(tmp_path: Path) -> None:
    row = number(1, 1) + nested(2, nested(2, number(1, 1 << 30))) + number(5, 64)
    with pytest.raises(CheckpointError, match="claims"):
        read_bundle(claims(tmp_path, row))


def test_offset_beyond_the_end(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cut short"):
        read_bundle(claims(tmp_path, entry(np.zeros(4, np.float32), 0, 1 << 20)))


def test_too_many_dimensions_and_huge_ones(tmp_path: Path) -> None:
    nothing_but_wide = nested(2, b"") + nested(2, number(1, (1 << 40) - 1)) * 2
    for dims in (
        nested(2, number(1, 1)) * 9,
        nested(2, number(1, 1 << 60)),
        nested(2, number(1, (1 << 64) - 1)),
        nothing_but_wide,
    ):
        with pytest.raises(CheckpointError, match="shape"):
            read_bundle(claims(tmp_path, number(1, 1) + nested(2, dims)))


def test_the_writer_writes_tables() -> None:
    assert table([]).endswith(MAGIC.to_bytes(8, "little"))
    assert block([])


def framed(blocks: list[bytes], handles: list[int]) -> bytes:
    """A table whose index names these blocks by number."""
    out, places = b"", []

    def add(data: bytes) -> bytes:
        nonlocal out
        handle = varint(len(out)) + varint(len(data))
        out += data + b"\0" + struct.pack("<I", masked_crc(data + b"\0"))
        return handle

    places = [add(data) for data in blocks]
    meta, index = add(block([])), add(block([(b"%06d" % i, places[which]) for i, which in enumerate(handles)]))
    return out + (meta + index).ljust(40, b"\0") + struct.pack("<Q", MAGIC)


def test_names_that_would_fill_the_memory(tmp_path: Path) -> None:
    index = tmp_path / "net.index"
    index.write_bytes(framed([block([(b"", number(1, 1)), (b"k" * 3000, b"")])], [0]))
    with pytest.raises(CheckpointError, match="name is too long"):
        read_bundle(index)


def test_a_block_named_twice(tmp_path: Path) -> None:
    index = tmp_path / "net.index"
    index.write_bytes(framed([block([(b"", number(1, 1))])], [0, 0]))
    with pytest.raises(CheckpointError, match="overlap"):
        read_bundle(index)


def test_too_many_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("style_atelier.models.weights.table.MOST_TENSORS", 3)
    with pytest.raises(CheckpointError, match="more than 3 tensors"):
        read_bundle(write_bundle(tmp_path / "net", ARRAYS))


def test_tensors_over_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "net.data-00000-of-00001").write_bytes(bytes(64))
    rows = [(b"t%d" % i, entry(np.zeros(16, np.float32), 0, 0)) for i in range(3)]
    index = tmp_path / "net.index"
    index.write_bytes(table([(b"", number(1, 1)), *rows]))
    with pytest.raises(CheckpointError, match="need 192 bytes"):
        read_bundle(index)


def test_corrupted_block(tmp_path: Path) -> None:
    index = write_bundle(tmp_path / "net", ARRAYS)
    content = index.read_bytes()
    index.write_bytes(content[:5] + bytes([content[5] ^ 1]) + content[6:])
    with pytest.raises(CheckpointError, match="checksum of a block"):
        read_bundle(index)


def test_wrong_magic(tmp_path: Path) -> None:
    index = write_bundle(tmp_path / "net", ARRAYS)
    index.write_bytes(index.read_bytes()[:-8] + bytes(8))
    assert index_of(index) is None
    with pytest.raises(CheckpointError, match="no table's end"):
        read_bundle(index)


def test_bfloat16_averages_strings_and_slices(tmp_path: Path) -> None:
    (tmp_path / "net.data-00000-of-00001").write_bytes(struct.pack("<HH", 0x3F80, 0xC000))
    shape = nested(2, nested(2, number(1, 2)))
    half = number(1, 14) + shape + number(5, 4)
    rows = [(b"", number(1, 1)), (b"partitioned", half + nested(7, b"")), (b"text", number(1, 7) + shape + number(5, 4))]
    rows += [(b"w/ExponentialMovingAverage", half), (b"w/Momentum", half)]
    index = tmp_path / "net.index"
    index.write_bytes(table(rows))
    found = read_bundle(index)
    assert list(found) == ["w/ExponentialMovingAverage"]
    assert torch.equal(found["w/ExponentialMovingAverage"], torch.tensor([1.0, -2.0], dtype=torch.bfloat16))
