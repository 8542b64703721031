"""CRC-32C (Castagnoli), by which LevelDB's tables are checked; Python has only the other CRC-32.

A checksum is linear over GF(2): that of two pieces is the first's, carried over as many zero bytes as the second is long, plus
the second's. So a long text is cut into rows that are worked through side by side, a byte of each at a time. RFC 3720, B.4.
"""

from __future__ import annotations

import numpy as np

POLYNOMIAL = 0x82F63B78  # reversed
ALL = 0xFFFFFFFF
SIDE_BY_SIDE = 4096  # shorter texts are done byte by byte
ROW = 1024


def _table() -> np.ndarray:
    value = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        value = value >> 1 ^ np.where(value & 1, np.uint32(POLYNOMIAL), np.uint32(0))
    return value


TABLE = _table()
STEPS = tuple(TABLE.tolist())


def crc32c(data: bytes | memoryview) -> int:
    """The checksum of `data`."""
    crc = ALL
    if len(data) >= SIDE_BY_SIDE:
        rows = len(data) // ROW
        crc = _rows(np.frombuffer(data, dtype=np.uint8, count=rows * ROW).reshape(rows, ROW))
        data = data[rows * ROW :]
    for byte in bytes(data):
        crc = STEPS[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ ALL


def masked(crc: int) -> int:
    """As LevelDB stores it, so that a checksum of checksums is none of zeros."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & ALL


def _rows(rows: np.ndarray) -> int:
    """The state behind rows that follow one another."""
    state = np.zeros(len(rows), dtype=np.uint32)
    state[0] = ALL
    for column in np.ascontiguousarray(rows.T):
        state = TABLE[(state ^ column) & 255] ^ state >> 8
    result = 0
    for value in state.tolist():
        result = _over_a_row(result) ^ value
    return result


def _over_zeros(count: int) -> list[list[int]]:
    """Four tables, one for each byte of a state: what `count` zero bytes make of it."""
    states = np.array([1 << bit for bit in range(32)], dtype=np.uint32)
    for _ in range(count):
        states = TABLE[states & 255] ^ states >> 8
    bits = states.tolist()
    tables = []
    for byte in range(4):
        row = [0] * 256
        for value in range(1, 256):
            low = value & -value
            row[value] = row[value ^ low] ^ bits[8 * byte + low.bit_length() - 1]
        tables.append(row)
    return tables


_ROW_TABLES: list[list[int]] = []


def _over_a_row(state: int) -> int:
    if not _ROW_TABLES:
        _ROW_TABLES.extend(_over_zeros(ROW))
    a, b, c, d = _ROW_TABLES
    return a[state & 255] ^ b[state >> 8 & 255] ^ c[state >> 16 & 255] ^ d[state >> 24]
