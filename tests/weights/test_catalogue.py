"""The catalogue: its format, its facts, and that it is read without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from style_atelier.models.weights import catalogue as module
from style_atelier.models.weights.addresses import allowed, candidates
from style_atelier.models.weights.catalogue import CATALOGUE, load_catalogue
from style_atelier.models.weights.errors import WeightsError

# Nobody has published hashes of these: they are recorded on first use.
UNHASHED = (
    "cyclegan-",
    "pix2pix-",
    "stargan2-animal-faces",
    "stylegan2-",
    "stylegan3-",
    "controlnext-",
    "art-inception",
    "deadiff",
)


def test_written_back_it_is_the_same_file():
    assert json.dumps(asdict(load_catalogue()), indent=2, ensure_ascii=False) + "\n" == CATALOGUE.read_text(encoding="utf-8")


def test_the_recommended_entry_is_small_and_fully_known():
    entry = load_catalogue().entry("wct-16x")
    assert entry.recommended
    assert entry.license.commercial
    assert [spec.role for spec in entry.files] == [f"{part}{level}" for part in ("encoder", "decoder") for level in range(1, 6)]
    assert all(spec.sha256 for spec in entry.files)
    assert sum(spec.size or 0 for spec in entry.files) < 11_000_000


def test_every_file_is_known_by_some_hash_and_pinned():
    for entry in load_catalogue().entries:
        assert entry.citation
        assert entry.source
        assert entry.license.url
        for spec in entry.files:
            assert spec.sha256 or spec.sha256_prefix or spec.git_blob or entry.name.startswith(UNHASHED) or spec.manual, spec.path
            moving = [url for url in spec.urls if "/main/" in url or "/master/" in url]
            # No hash of these files is published: the first download is recorded, and compared ever after.
            assert not moving or spec.sha256 or entry.architecture in ("controlnext", "deadiff", "inception-art"), spec.path


def test_every_family_of_translators_has_rows():
    rows = [entry for entry in load_catalogue().entries if entry.kind == "translator"]
    known = {"cyclegan-resnet", "pix2pix-unet", "ugatit-tensorflow", "photo2cartoon", "animegan2", "cut", "cartoongan"}
    assert {entry.architecture for entry in rows} == known | {"stargan", "stargan2", "munit", "funit"}
    assert len([entry for entry in rows if entry.architecture == "cyclegan-resnet"]) == 18


def test_generators_have_rows_with_their_license():
    rows = [entry for entry in load_catalogue().entries if entry.kind == "generator"]
    assert {entry.architecture for entry in rows} == {"stylegan", "stylegan2", "stylegan3", "styleformer-gan"}
    for entry in rows:
        assert entry.license.commercial == (entry.architecture == "styleformer-gan"), entry.name
        assert len(entry.files) == 1
    hashed = {entry.name for entry in rows if entry.files[0].sha256}
    assert hashed >= {f"stylegan2-{what}-config-f" for what in ("ffhq", "car", "cat", "church", "horse")}
    assert all(entry.files[0].size for entry in rows if entry.name.endswith("config-f"))


def test_what_has_no_address_says_where_to_get_it_and_where_to_put_it():
    by_hand = [(entry, spec) for entry in load_catalogue().entries for spec in entry.files if not spec.urls]
    assert {entry.name for entry, _ in by_hand} >= {
        "ugatit-selfie2anime",
        "stargan-celeba-128",
        "munit-edges2shoes",
        "funit-animals",
    }
    for entry, spec in by_hand:
        assert spec.manual == entry.manual
        assert "https://" in spec.manual
        assert f"into models/style_atelier as {spec.path}" in spec.manual or f"and {spec.path}" in spec.manual
        assert "sha256 is recorded" in spec.manual


def test_plain_http_is_for_one_host_that_has_nothing_else():
    plain = {
        url.split("/")[2] for entry in load_catalogue().entries for spec in entry.files for url in spec.urls if url[:5] == "http:"
    }
    assert plain == {"efrosgans.eecs.berkeley.edu"}


def test_adain_and_its_encoder_are_one_file_on_disk():
    catalogue = load_catalogue()
    assert catalogue.entry("vgg19-normalised").files[0] == catalogue.entry("adain").files[0]


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(WeightsError, match="no entry 'vgg99'; it has microast, wct-16x, adain"):
        load_catalogue().entry("vgg99")


def row_of(data, name: str):
    return next(row for row in data["entries"] if row["name"] == name)


def edited(tmp_path: Path, change) -> Path:
    data = json.loads(CATALOGUE.read_text(encoding="utf-8"))
    change(data)
    path = tmp_path / "catalogue.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data["entries"][0]["files"][0].update(path="../x.pth"), "leave the model folder"),
        (lambda data: data["entries"][0]["files"][0].update(path="C:\\x.pth"), "leave the model folder"),
        (lambda data: data["entries"][0]["files"][0].update(urls=["https://evil.example/x"]), "does not allow"),
        (lambda data: data["entries"][0]["files"][0].update(urls=["http://github.com/x"]), "does not allow"),
        (lambda data: data["entries"][0]["files"][0].update(sha256="ABC"), "no such hash"),
        (lambda data: data["entries"][0]["files"][0].update(urls=[]), "does not allow"),
        (lambda data: row_of(data, "vgg19-normalised")["files"][0].update(size=1), "in two ways"),
        (lambda data: data["entries"][0].update(kind="upscaler"), "no known kind"),
        (lambda data: data["entries"].append(data["entries"][0]), "listed twice"),
        (lambda data: data["entries"][0].pop("license"), "cannot be read"),
    ],
)
def test_a_wrong_catalogue_is_refused(tmp_path, change, said):
    with pytest.raises(WeightsError, match=said):
        load_catalogue(edited(tmp_path, change))


def test_addresses():
    hosts = ("github.com", "*.hf.co", "http://old.example")
    assert allowed("https://github.com/a", hosts)
    assert allowed("https://cdn.hf.co/a", hosts)
    assert allowed("http://old.example/a", hosts)
    refused = (
        "http://github.com/a",
        "https://hf.co/a",
        "https://evilhf.co/a",
        "https://github.com.evil.example/",
        "https://u:p@github.com/",
        "x",
        "https://[",
    )
    assert not any(allowed(url, hosts) for url in refused)
    assert candidates(["https://huggingface.co/a", "https://b/c"], {"https://b/": "https://m/"}, "https://hub/") == [
        "https://hub/a",
        "https://m/c",
        "https://b/c",
    ]


def test_it_is_read_without_torch():
    code = (
        "import importlib, sys, types; p = types.ModuleType('w'); p.__path__ = [sys.argv[1]]; sys.modules['w'] = p\n"
        "importlib.import_module('w.catalogue').load_catalogue(); importlib.import_module('w.download')\n"
        "assert not {'torch', 'numpy', 'safetensors'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(Path(module.__file__).parent)], check=True, timeout=30)
