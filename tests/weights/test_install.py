"""install.py as ComfyUI-Manager runs it: a plain script with no packages."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from style_atelier.models.weights.catalogue import load_catalogue

ROOT = Path(__file__).parents[2]


@pytest.fixture
def comfyui(tmp_path: Path) -> Path:
    """A folder like ComfyUI's with the parts of this pack that the script needs."""
    pack = tmp_path / "ComfyUI" / "custom_nodes" / "style-atelier"
    shutil.copytree(ROOT / "models" / "weights", pack / "models" / "weights", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "install.py", pack)
    (pack / "models" / "__init__.py").write_text("raise RuntimeError('not to be imported')")
    (pack / "samples").mkdir()
    (pack / "samples" / "photo.jpg").write_bytes(b"photo")
    (tmp_path / "ComfyUI" / "comfyui_version.py").write_text('__version__ = "0.3.10"\n')
    return tmp_path / "ComfyUI"


def run(comfyui: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = comfyui / "custom_nodes" / "style-atelier" / "install.py"
    return subprocess.run([sys.executable, "-I", str(script), *arguments], capture_output=True, text=True, cwd="/", timeout=60)


def test_without_arguments_it_checks_and_makes_folders(comfyui):
    for _ in range(2):
        done = run(comfyui)
        assert done.returncode == 0, done.stderr
    families = {spec.path.split("/")[0] for entry in load_catalogue().entries for spec in entry.files}
    assert {path.name for path in (comfyui / "models" / "style_atelier").iterdir()} == families | {"own"}
    assert [path.name for path in (comfyui / "input").iterdir()] == ["style_atelier_photo.jpg"]
    assert "ComfyUI 0.3.10 is older than 0.18.1" in done.stdout


def test_a_sample_of_the_same_name_is_left_alone(comfyui):
    (comfyui / "input").mkdir()
    (comfyui / "input" / "style_atelier_photo.jpg").write_bytes(b"mine")
    assert run(comfyui).returncode == 0
    assert (comfyui / "input" / "style_atelier_photo.jpg").read_bytes() == b"mine"


def test_it_lists_the_networks(comfyui):
    done = run(comfyui, "--list")
    assert done.returncode == 0
    assert "wct-16x" in done.stdout
    assert "(recommended)" in done.stdout
    assert not (comfyui / "models").exists()


def test_an_unknown_name_is_one_sentence(comfyui):
    done = run(comfyui, "--prefetch", "nonsense")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The catalogue has no entry 'nonsense'; it has microast, wct-16x")


def test_prefetch_fetches_into_the_model_folder(comfyui, server, monkeypatch, capsys):
    path = comfyui / "custom_nodes" / "style-atelier" / "install.py"
    spec = importlib.util.spec_from_file_location("atelier_install_under_test", path)
    assert spec
    assert spec.loader
    install = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(install)
    try:
        catalogue = install._weights_module("catalogue")
        license = catalogue.License("MIT", True, "https://127.0.0.1/")
        file = server.spec()
        entry = catalogue.Entry("tiny", "Tiny", "encoder", "tiny", "", license, "", (file,), True, "")
        monkeypatch.setattr(catalogue, "load_catalogue", lambda: catalogue.Catalogue(1, ("127.0.0.1",), (entry,)))
        for names in (["tiny"], ["recommended"], ["all"]):
            assert install.main(["--prefetch", *names, "--models-dir", str(comfyui / "elsewhere")]) == 0
        assert (comfyui / "elsewhere" / "style_atelier" / "own" / "weights.pth").read_bytes() == server.body
        assert len(server.seen) == 1
        assert "own/weights.pth: complete" in capsys.readouterr().out
    finally:
        for name in [name for name in sys.modules if name.startswith(install.PACKAGE)]:
            del sys.modules[name]
