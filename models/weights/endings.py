"""Endings of the files that are listed and read: one list for both."""

from __future__ import annotations

# `.pth.tar` ends in `.tar` for whoever lists files. `.index` stands for TensorFlow's bundles, `.json` for TensorFlow.js's.
ENDINGS = frozenset(
    (".safetensors", ".sft", ".pth", ".pt", ".ckpt", ".pkl", ".bin", ".tar", ".th", ".model", ".onnx", ".index", ".json")
)
