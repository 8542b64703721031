"""The embedded host: its folders, its pictures, its memory, and that it never stands in for a real one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from style_atelier.headless.host import core_images, core_masks, folders, memory, progress
from style_atelier.headless.host.schema import call, describe

ROOT = Path(__file__).resolve().parents[2]
START = """
import sys, types
from pathlib import Path
pack = types.ModuleType("style_atelier"); pack.__path__ = [{root!r}]; sys.modules["style_atelier"] = pack
from style_atelier.headless import host
base = Path({base!r})
{action}
"""


def in_a_new_process(base: Path, action: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    code = START.format(root=str(ROOT), base=str(base), action=action)
    environment = {"PATH": "", "OMP_NUM_THREADS": "1", **({"PYTHONPATH": str(path)} if path else {})}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=base, check=False)


FOLDERS = "models_dir=base / 'm', input_dir=base / 'i', output_dir=base / 'o', temp_dir=base / 't', device='cpu'"


def test_the_pack_loads_on_it_and_brings_no_path(tmp_path: Path) -> None:
    action = f"""
host.install({FOLDERS}); host.install({FOLDERS})
from style_atelier.headless.pack import load_pack
print(sorted(n for n in load_pack(Path({str(ROOT)!r})) if n.startswith("StyleAtelier")))
assert {str(ROOT)!r} not in sys.path and "server" not in sys.modules
"""
    done = in_a_new_process(tmp_path, action)
    assert done.returncode == 0, done.stderr
    assert "StyleAtelierStylize" in done.stdout


def test_a_real_host_is_never_shadowed(tmp_path: Path) -> None:
    (tmp_path / "real" / "comfy_api").mkdir(parents=True)
    (tmp_path / "real" / "comfy_api" / "__init__.py").write_text("")
    done = in_a_new_process(tmp_path, f"host.install({FOLDERS})", tmp_path / "real")
    assert done.returncode == 1
    assert "a real ComfyUI is importable here" in done.stderr


@pytest.fixture
def placed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(folders, "models_dir", folders.models_dir)
    before, known = dict(folders._places), dict(folders.folder_names_and_paths)
    folders.place(*(tmp_path / name for name in ("models", "input", "output", "temp")))
    yield tmp_path
    folders._places.update(before)
    folders.folder_names_and_paths.update(known)


def test_pictures_as_the_host_reads_them(placed: Path) -> None:
    inputs = placed / "input"
    Image.new("RGB", (6, 4), (255, 0, 51)).save(inputs / "plain.png")
    image, mask = call(core_images.LoadImage, image="plain.png").args
    assert image.shape == (1, 4, 6, 3)
    assert torch.allclose(image[0, 0, 0], torch.tensor([1.0, 0.0, 0.2]))
    assert mask.shape == (1, 64, 64)
    assert not mask.any()

    Image.new("RGBA", (6, 4), (0, 0, 0, 64)).save(inputs / "clear.png")
    image, mask = call(core_images.LoadImage, image="clear.png").args
    assert image.shape[-1] == 3
    assert torch.allclose(mask, torch.full((1, 4, 6), 1 - 64 / 255))

    turned = Image.new("RGB", (6, 4))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(inputs / "turned.jpg", exif=exif)
    assert call(core_images.LoadImage, image="turned.jpg").args[0].shape == (1, 6, 4, 3)

    frames = [Image.new("RGB", (6, 4), (i * 80, 0, 0)) for i in range(3)]
    frames[0].save(inputs / "moving.gif", save_all=True, append_images=frames[1:])
    assert call(core_images.LoadImage, image="moving.gif").args[0].shape[0] == 3

    Image.fromarray(np.full((4, 6), 65535, dtype=np.uint16)).save(inputs / "deep.png")
    assert float(call(core_images.LoadImage, image="deep.png").args[0].min()) == 1.0


def test_pictures_are_saved_in_order_and_inside(placed: Path) -> None:
    batch = torch.rand(2, 4, 6, 3)
    for first in (1, 3):
        shown = call(core_images.SaveImage, images=batch, filename_prefix="a/b").ui["images"]
        names = [f"b_{first:05}_.png", f"b_{first + 1:05}_.png"]
        assert shown == [{"filename": name, "subfolder": "a", "type": "output"} for name in names]
    with pytest.raises(ValueError, match="leaves the output folder"):
        call(core_images.SaveImage, images=batch, filename_prefix="../b")
    with pytest.raises(ValueError, match="is not inside"):
        folders.get_annotated_filepath("../secret.png")


def test_model_names_cannot_leave_their_folder(placed: Path) -> None:
    folders.folder_names_and_paths["kind"] = ([str(placed / "models")], {".pth"})
    (placed / "models" / "a.pth").write_bytes(b"")
    (placed / "secret.pth").write_bytes(b"")
    assert folders.get_filename_list("kind") == ["a.pth"]
    assert folders.get_full_path("kind", "a.pth") == str(placed / "models" / "a.pth")
    assert folders.get_full_path("kind", "../secret.pth") is None


def test_batches_take_the_first_size_and_opaque_alpha() -> None:
    images = {"image0": torch.zeros(1, 4, 6, 3), "image1": torch.zeros(2, 8, 8, 4)}
    made = call(core_images.BatchImagesNode, images=images).args[0]
    assert made.shape == (3, 4, 6, 4)
    assert float(made[0, ..., 3].min()) == 1.0


@pytest.mark.parametrize(
    ("operation", "expected"),
    [("multiply", 0.4), ("add", 1.0), ("subtract", 0.0), ("and", 0.0), ("or", 1.0), ("xor", 1.0)],
)
def test_masks_are_combined(operation: str, expected: float) -> None:
    a, b = torch.full((1, 4, 4), 0.4), torch.ones(1, 2, 2)
    made = call(core_masks.MaskComposite, destination=a, source=b, x=3, y=3, operation=operation).args[0]
    assert float(made[0, 3, 3]) == pytest.approx(expected)
    assert float(made[0, 0, 0]) == pytest.approx(0.4)


def test_descriptions() -> None:
    info = describe(core_images.BatchImagesNode)
    assert info.inputs[0].kind == "autogrow"
    assert info.inputs[0].template.names[:2] == ["image0", "image1"]
    assert describe(core_masks.SolidMask).inputs[0].default == 1.0


def test_networks_leave_when_others_need_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    device = torch.device("meta")
    monkeypatch.setattr(memory.Devices, "loaded", [])
    monkeypatch.setattr(memory.Devices, "chosen", device)
    monkeypatch.setattr(memory, "get_free_memory", lambda *_: 0)
    first, second = (memory.CoreModelPatcher(torch.nn.Linear(2, 2), device, device) for _ in range(2))
    memory.load_models_gpu([first])
    memory.load_models_gpu([second], memory_required=10)
    assert memory.Devices.loaded == [second]


def test_progress_reaches_the_hook_and_interrupt_stops() -> None:
    seen = []
    progress.set_hook(lambda *report: seen.append(report))
    try:
        with progress.executing("7"):
            bar = progress.ProgressBar(4)
            bar.update(1)
            bar.update_absolute(2, 8, ("JPEG", "picture", 64))
            progress.interrupt()
            with pytest.raises(progress.InterruptProcessingException):
                bar.update(1)
    finally:
        progress.set_hook(None)
    assert seen == [("7", 1, 4, None), ("7", 2, 8, "picture")]
    assert not isinstance(progress.InterruptProcessingException(), Exception)


def test_pictures_are_decoded_as_ffmpeg_decodes_them(tmp_path: Path) -> None:
    """A JPEG with halved colors: the numbers of PyAV's own conversion, which the host uses, not Pillow's."""
    av = pytest.importorskip("av")
    from style_atelier.headless.host.core_decoding import decoded

    waves = np.sin(np.arange(211 * 133 * 3).reshape(133, 211, 3) / (7, 50, 3)) * 127 + 128
    Image.fromarray(waves.astype(np.uint8)).save(tmp_path / "odd.jpg", quality=80, subsampling=2)
    found = decoded(str(tmp_path / "odd.jpg"))
    assert found is not None
    with av.open(str(tmp_path / "odd.jpg")) as container:
        wanted = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.array_equal((found[0][0].numpy() * 255).round(), wanted)
    assert found[1].shape == (1, 64, 64)


def test_saved_pictures_carry_their_making(tmp_path: Path) -> None:
    from style_atelier.headless.host import provenance

    prompt, workflow = {"1": {"class_type": "SaveImage", "inputs": {}}}, {"nodes": [], "links": []}
    with provenance.making(prompt, workflow):
        core_images.saved(torch.zeros(1, 4, 4, 3), str(tmp_path), "with", "output", 4)
    core_images.saved(torch.zeros(1, 4, 4, 3), str(tmp_path), "without", "output", 4)
    with Image.open(tmp_path / "with_00001_.png") as picture:
        assert json.loads(picture.text["prompt"]) == prompt  # type: ignore[attr-defined]
        assert json.loads(picture.text["workflow"]) == workflow  # type: ignore[attr-defined]
    with Image.open(tmp_path / "without_00001_.png") as picture:
        assert not picture.text  # type: ignore[attr-defined]
