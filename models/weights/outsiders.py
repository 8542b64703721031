"""Files of other programs, told by how they begin or by what an archive lists: what each is, and one thing to do."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

ORIGINAL = "choose the PyTorch, ONNX or safetensors file that it was made of"
INSIDE = "unpack it and choose the file of weights in it"
PICTURE = "it belongs into ComfyUI's input folder, for Load Image"

# (offset, bytes): what it is, and what to do. All are exact signatures.
SIGNATURES: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"7767517", "an ncnn model", ORIGINAL),
    (4, b"TFL3", "a TensorFlow Lite model", "choose the TensorFlow, PyTorch or ONNX file that it was made of"),
    (0, b"\x89HDF\r\n\x1a\n", "a Keras or HDF5 file", "export it to ONNX or to a TensorFlow checkpoint, or " + ORIGINAL),
    (0, b"GGUF", "a GGUF model", "GGUF holds language and diffusion models; its own loader comes with the pack ComfyUI-GGUF"),
    (0, b"lmgg", "a GGML model", "GGML holds language models, which no node here takes; choose a file of a style network"),
    (0, b"tjgg", "a GGML model", "GGML holds language models, which no node here takes; choose a file of a style network"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG picture", PICTURE),
    (0, b"\xff\xd8\xff", "a JPEG picture", PICTURE),
    (0, b"GIF8", "a GIF picture", PICTURE),
    (8, b"WEBP", "a WebP picture", PICTURE),
    (4, b"ftyp", "a video", "it belongs into ComfyUI's input folder, for Load Video"),
    (0, b"Rar!\x1a\x07", "a RAR archive", INSIDE),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", INSIDE),
    (0, b"\x1f\x8b\x08", "a gzip archive", INSIDE),
    (0, b"BZh", "a bzip2 archive", INSIDE),
    (0, b"\xfd7zXZ\x00", "an xz archive", INSIDE),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive", INSIDE),
    (257, b"ustar", "a tar archive", INSIDE),
    (0, b"MZ", "a Windows program", "delete it, and choose a file of weights"),
    (0, b"\x7fELF", "a Linux program", "delete it, and choose a file of weights"),
    (0, b"%PDF", "a PDF document", "choose a file of weights"),
    (0, b"MATLAB 5.0", "a MATLAB file", ORIGINAL),
    (0, b"\x93NUMPY", "a single NumPy array", ORIGINAL),
    (0, b"\x04\x00\x00\x00\x01\x00\x00\x00\x03\x00\x00\x00V 1", "a Torch7 (Lua) file", "choose a version of it for PyTorch"),
    (0, b"\x03\x00\x00\x00\x01\x00\x00\x00", "a Torch7 (Lua) file", "choose a version of it for PyTorch"),
    (0, b"ftrt", "a TensorRT engine", ORIGINAL),
    (0, b"ptrt", "a TensorRT engine", ORIGINAL),
    (0, b"\x12\x01\x00\x00\x00\x00\x00\x00", "an MXNet file", "choose a version of it for PyTorch or ONNX"),
    (0, b"8BPS", "a Photoshop picture", PICTURE),
    (0, b"RIFF", "a sound or a clip", "choose a file of weights"),
    (0, b"ID3", "a sound", "choose a file of weights"),
)
# By the name's ending, for formats whose beginning says nothing.
NAMED: dict[str, tuple[str, str]] = {
    ".mlmodel": ("a Core ML model", ORIGINAL),
    ".caffemodel": ("a Caffe model", "choose a version of it for PyTorch or ONNX"),
    ".prototxt": ("the description of a Caffe model", "choose a version of it for PyTorch or ONNX"),
    ".t7": ("a Torch7 (Lua) file", "choose a version of it for PyTorch"),
    ".param": ("the description of an ncnn model", ORIGINAL),
    ".mnn": ("an MNN model", ORIGINAL),
    ".engine": ("a TensorRT engine", ORIGINAL),
    ".trt": ("a TensorRT engine", ORIGINAL),
    ".msgpack": ("a Flax model", "choose its PyTorch or safetensors version"),
    ".pdparams": ("a PaddlePaddle model", "choose its PyTorch or safetensors version"),
    ".cube": ("a color lookup table", "choose a file of weights"),
    ".yaml": ("settings, not weights", "choose the file of weights beside it"),
    ".yml": ("settings, not weights", "choose the file of weights beside it"),
    ".txt": ("a text, not weights", "choose a file of weights"),
    ".md": ("a text, not weights", "choose a file of weights"),
    ".py": ("a Python program, not weights", "no code is ever run from the model folder; choose a file of weights"),
}
TFJS = (b'"format"', b"modelTopology", b"weightsManifest")  # keys that a TensorFlow.js model begins with
GRAPH = (b"Placeholder", b"Const", b"Identity", b"NoOp")  # operations that a frozen graph's first nodes are


def outsider(path: Path, start: bytes) -> str | None:
    """What the file that begins so is, and what to do, as the end of a sentence "PATH is ..."; None for what may be weights.

    start: at least the first 512 bytes, or all of a shorter file.
    """
    for at, signature, what, advice in SIGNATURES:
        if start[at : at + len(signature)] == signature:
            return _words(what, advice)
    if start[:3] == b"\x08\x01\x12" and (path.suffix == ".pb" or (b"\x22" in start[:64] and b"serve" in start)):
        return _words("a TensorFlow SavedModel's graph", "choose the file variables.index beside it, in its folder variables")
    if start[:1] == b"\x0a" and any(name in start for name in GRAPH):
        return _words("a frozen TensorFlow graph", "choose the checkpoint (.index, .ckpt) or the ONNX file of the same network")
    if path.suffix.lower() in NAMED:
        return _words(*NAMED[path.suffix.lower()])
    text = start.lstrip()
    if text.startswith((b"<?xml", b"<net")):
        return _words("an OpenVINO model's description, or another XML text", ORIGINAL)
    if text.startswith(b"{") and path.suffix.lower() == ".json" and not any(name in start for name in TFJS):
        return _words("settings, not weights", "choose the file of weights beside it")
    return None


def outsider_archive(names: Iterable[str]) -> str | None:
    """The same for a zip archive that is no checkpoint, by the names in it."""
    names = list(names)
    if any(name.endswith("model.weights.h5") for name in names):
        return _words("a Keras archive", "export it to ONNX or to a TensorFlow checkpoint")
    if any(name.endswith((".mlmodel", "coremldata.bin")) for name in names):
        return _words("a Core ML package", ORIGINAL)
    if names and all(name.endswith(".npy") for name in names):
        return _words("NumPy arrays (.npz)", ORIGINAL)
    inside = [name for name in names if name.lower().endswith((".safetensors", ".pth", ".pt", ".ckpt", ".onnx", ".pkl"))]
    if inside:
        return _words(f"an archive with {inside[0]}", INSIDE)
    return _words("a zip archive but no PyTorch checkpoint", INSIDE) if names else None


def _words(what: str, advice: str) -> str:
    return f"{what}, which no loader here reads; {advice}."
