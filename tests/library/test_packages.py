"""Real files that packages on PyPI ship, against what the packages' own code makes of them (onnxruntime, without the rounding of
activations where the file is quantized; vintagify's own network).
"""

from __future__ import annotations

import os
import runpy
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from style_atelier.models.library import stylizers
from style_atelier.models.library.registry import open_checkpoint

pytestmark = pytest.mark.real_weights
GOLDEN = Path(__file__).parent.parent / "golden"
image = runpy.run_path(str(GOLDEN / "fill.py"))["image"]


@pytest.fixture(scope="module")
def packages(shared: Path) -> Path:
    folder = shared / "weights" / "packages"
    if not folder.is_dir():
        pytest.skip(f"no files of packages at {folder}")
    return folder


@pytest.fixture(scope="module")
def wanted() -> dict[str, Tensor]:
    return torch.load(GOLDEN / "packages.io.pt", weights_only=True)


def test_pastiche_of_26_styles(packages: Path, tmp_path: Path, wanted: dict[str, Tensor]) -> None:
    made = stylizers.as_stylizer(open_checkpoint(Path(shutil.copy(packages / "multistyle26.onnx", tmp_path))))
    assert len(made.own_styles) == 26
    content = image("content", (1, 3, 72, 88), 1)
    for row in (0, 7, 25):
        picture = made.stylize(content, [made.own_style(f"style {row + 1}")])
        assert float((picture[:, :, ::2, ::2] - wanted[f"cin_{row}"]).abs().max()) < 2e-5


def test_arbitrary_style_in_whole_numbers(packages: Path, tmp_path: Path, wanted: dict[str, Tensor]) -> None:
    for name in ("arbitrary_predict.onnx", "arbitrary_transform.onnx"):
        shutil.copy(packages / name, tmp_path)
    checkpoint = open_checkpoint(tmp_path / "arbitrary_transform.onnx")
    made = stylizers.as_stylizer(stylizers.with_predictor(checkpoint, tmp_path / "arbitrary_predict.onnx"))
    style = image("style", (1, 3, 256, 256), 3)
    assert float((made.style_of(style).values["vector"] - wanted["ghiasi_vector"]).abs().max()) < 1e-4
    picture = made.stylize(image("content", (1, 3, 384, 384), 2), [style])
    difference = (picture[:, :, ::8, ::8] - wanted["ghiasi"]).abs()
    assert float(difference.mean()) < 1e-3
    assert float(difference.max()) < 1e-3


def test_cyclegan_of_vintagify(tmp_path: Path, wanted: dict[str, Tensor]) -> None:
    folder = Path(os.environ.get("STYLE_ATELIER_REAL_WEIGHTS", Path.home() / "real_weights"))
    path = folder / "vintagify" / "resources" / "G_A2B_epoch33.pth"
    if not path.is_file():
        pytest.skip(f"no {path}: ../shared/tools/real-weights brings it")
    checkpoint = open_checkpoint(Path(shutil.copy(path, tmp_path)))
    assert checkpoint.config.affine
    made = checkpoint.build()(image("content", (1, 3, 64, 72), 4) * 2 - 1)
    assert float((made - wanted["vintage"]).abs().max()) < 1e-5
