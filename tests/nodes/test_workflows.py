"""The example workflows: in the page's format, of known nodes, with words for the artist and values that the nodes accept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from style_atelier import install
from style_atelier.tests.examples import names, path_of
from style_atelier.tests.pack import POCKET, Pack

NAMES = [
    "first_picture",
    "adain_from_parts",
    "wct_multi_level",
    "two_styles_mixed",
    "region_masks",
    "keep_the_colors",
    "strength_sweep",
    "photo_to_van_gogh",
    "horse_to_zebra_and_back",
    "selfie_to_anime",
    "stargan2_reference_and_latent",
    "munit_one_photo_many_styles",
    "batch_of_frames",
    "stargan_face_attributes",
    "faces_psi_sweep",
    "style_mixing_grid",
    "looping_walk_to_video",
    "edit_by_direction",
    "project_and_edit",
    "saved_faces_blended",
    "measure_a_generator",
    "lora_by_blocks",
    "style_and_content_loras",
    "controlnext_canny_sdxl",
    "controlnext_and_lora",
    "merge_loras",
    "styleid_photo",
    "styleid_two_regions",
    "styleid_from_parts",
    "texture_by_attention",
    "style_guidance",
    "style_noise_against_plain",
    "deadiff_style_and_prompt",
    "deadiff_content_and_style",
    "neural_style",
    "gatys_from_parts",
    "reconstruct_content",
    "reconstruct_style",
    "two_regions_two_styles",
    "gatys_keep_colors",
    "coarse_and_fine",
    "texture_synthesis",
    "brushwork_by_patches",
    "text_driven",
    "large_print",
    "johnson_candy",
    "microast_four_paintings",
    "cin_many_styles",
    "ghiasi_strengths",
    "adaattn_two_paintings",
    "cap_vstnet_photo_and_regions",
    "styleformer_exchange",
    "five_styles_over_a_batch",
    "style_saved_and_reused",
    "region_styles",
    "clip_of_48_frames",
    "compare_stylizers",
    "filter_from_one_example",
    "painted_with_patches",
    "keyframes_to_clip",
    "texture_by_quilting",
    "picture_made_of_a_texture",
    "measure_results",
    "rank_stylizers",
    "paper_table",
    "teach_one_painting",
    "paintings_in_one_network",
    "teach_adain_your_photos",
    "distill_neural_style",
    "go_on_training",
]
CORE = {
    "LoadImage",
    "SaveImage",
    "BatchImagesNode",
    "SolidMask",
    "MaskComposite",
    "InvertMask",
    "ImageToMask",
    "PreviewAny",
    "MarkdownNote",
}
DIFFUSION = {"CheckpointLoaderSimple", "CLIPTextEncode", "EmptyLatentImage", "KSampler", "VAEDecode"}
DIFFUSION |= {"Canny", "ControlNetApplyAdvanced", "VAEEncode", "ImageScale"}
VIDEO = {"LoadVideo", "GetVideoComponents", "CreateVideo", "SaveVideo", "ImageFromBatch", "Video Slice"}
REAL_HOST = {"PreviewImage", "CLIPLoader", "CLIPVisionLoader"} | DIFFUSION | VIDEO  # not in the embedded host
SAVED = "portrait_00001.safetensors"  # what Save W calls its first file
SAVED_STYLE = "two_paintings_00001.safetensors"  # and Save Style
SAMPLES = set(install.SAMPLES.values())
OFFSET = "sd_xl_offset_example-lora_1.0.safetensors"
UNTRAINED = {"styleid_photo", "styleid_two_regions", "styleid_from_parts", "texture_by_attention", "style_guidance"}
UNTRAINED |= {"style_noise_against_plain"}
OPTIMIZED = {"neural_style", "reconstruct_content", "reconstruct_style", "two_regions_two_styles", "gatys_keep_colors"}
OPTIMIZED |= {"coarse_and_fine", "texture_synthesis", "brushwork_by_patches", "text_driven", "large_print"}
TAUGHT = {"teach_one_painting", "paintings_in_one_network", "teach_adain_your_photos", "distill_neural_style"}
DOWNLOADED = {
    "wct_multi_level": {"wct-16x"},
    "photo_to_van_gogh": {"cyclegan-style-vangogh"},
    "horse_to_zebra_and_back": {"cyclegan-horse2zebra", "cyclegan-zebra2horse"},
    "selfie_to_anime": {"ugatit-selfie2anime"},
    "stargan2_reference_and_latent": {"stargan2-animal-faces"},
    "munit_one_photo_many_styles": {"munit-summer2winter"},
    "batch_of_frames": {"Night painting (built-in)"},
    "stargan_face_attributes": {"stargan-celeba-128"},
    "faces_psi_sweep": {"stylegan2-ada-metfaces"},
    "style_mixing_grid": {"stylegan2-ada-metfaces"},
    "looping_walk_to_video": {"stylegan3-t-metfaces-1024"},
    "edit_by_direction": {"stylegan2-ada-metfaces"},
    "project_and_edit": {"stylegan2-ada-metfaces", POCKET},
    "saved_faces_blended": {"stylegan2-ada-metfaces", SAVED},
    "measure_a_generator": {"stylegan2-ada-metfaces"},
    "lora_by_blocks": {OFFSET},
    "style_and_content_loras": {"my_content_b_lora.safetensors", "my_style_b_lora.safetensors"},
    "controlnext_canny_sdxl": {"controlnext-sdxl-anime-canny"},
    "controlnext_and_lora": {"controlnext-sdxl-anime-canny", OFFSET},
    "merge_loras": {OFFSET, "my_style_b_lora.safetensors"},
    **{name: set() for name in UNTRAINED},  # with nothing but the checkpoint
    "deadiff_style_and_prompt": {"deadiff"},
    "deadiff_content_and_style": {"deadiff"},
    **{name: set() for name in OPTIMIZED},  # with the encoder that the preset or the objectives name themselves
    "gatys_from_parts": {"Pocket VGG (built-in)"},
    "johnson_candy": {"johnson-candy"},
    "microast_four_paintings": {"microast"},
    "cin_many_styles": {"cin-monet"},
    "ghiasi_strengths": {"ghiasi-small"},
    "adaattn_two_paintings": {"adaattn"},
    "cap_vstnet_photo_and_regions": {"cap-vstnet-photo"},
    "styleformer_exchange": {"styleformer"},
    "style_saved_and_reused": {POCKET, SAVED_STYLE},
    "region_styles": {"microast"},
    "clip_of_48_frames": {"microast"},
    **{name: set() for name in ("painted_with_patches", "texture_by_quilting", "picture_made_of_a_texture")},
    "compare_stylizers": {POCKET, "microast", "wct-16x", "johnson-candy"},
    "rank_stylizers": {POCKET, "microast", "wct-16x"},
    "paper_table": {POCKET, "microast"},
    **{name: set() for name in TAUGHT},  # from nothing
    "go_on_training": {"cin-monet"},
}
DYNAMIC = "COMFY_DYNAMICCOMBO_V3"
WIDGETS = ("COMBO", "FLOAT", "INT", "STRING", "BOOLEAN", DYNAMIC)
CONTROLS = {"fixed", "increment", "decrement", "randomize"}  # what the page adds after a seed


def read(name: str) -> dict[str, Any]:
    return json.loads(path_of(name).read_text(encoding="utf-8"))


def values(node: dict[str, Any]) -> dict[str, Any]:
    """A node's widgets by name."""
    names = [item["name"] for item in node["inputs"] if "widget" in item]
    given = list(node.get("widgets_values", []))
    if "seed" in names:
        assert given.pop(names.index("seed") + 1) in CONTROLS
    return dict(zip(names, given, strict=True))


def with_chosen(inputs: list[Any], found: dict[str, Any]) -> dict[str, Any]:
    """Inputs by name, each choice followed by those that it brings, which are named after it."""
    named = {}
    for item in inputs:
        named[item.id] = item
        if item.get_io_type() == DYNAMIC:
            chosen = next(option for option in item.options if option.key == found[item.id])
            named |= {f"{item.id}.{each.id}": each for each in chosen.inputs}
    return named


def test_every_example_is_here_and_nothing_else(pack: Pack) -> None:
    assert set(names()) == set(NAMES)
    used = {node["type"] for name in NAMES for node in read(name)["nodes"]}
    assert used == CORE | REAL_HOST | set(pack.nodes)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_what_the_page_saves(name: str) -> None:
    workflow = read(name)
    assert workflow["version"] == 0.4
    nodes = {node["id"]: node for node in workflow["nodes"]}
    assert len(nodes) == len(workflow["nodes"])
    links = {link[0]: link for link in workflow["links"]}
    for number, source, out_slot, target, in_slot, kind in workflow["links"]:
        assert number in nodes[source]["outputs"][out_slot]["links"]
        assert nodes[target]["inputs"][in_slot]["link"] == number
        assert kind == nodes[source]["outputs"][out_slot]["type"]
    assert {item["link"] for node in nodes.values() for item in node["inputs"] if item.get("link")} == set(links)


@pytest.mark.parametrize("name", NAMES)
def test_it_reads_from_left_to_right(name: str) -> None:
    """`docs/workflows/lay_out.py` lays a workflow out; tests/browser/test_layout.py measures it in the page."""
    workflow = read(name)
    nodes = {node["id"]: node for node in workflow["nodes"]}
    for _, source, _, target, *_ in workflow["links"]:
        assert nodes[source]["pos"][0] + nodes[source]["size"][0] < nodes[target]["pos"][0], (source, target)
    assert [group["title"].partition(" ")[0] for group in workflow["groups"]] == ["1", "2", "3"][: len(workflow["groups"])]
    assert len(workflow["groups"]) >= 2


@pytest.mark.parametrize("name", NAMES)
def test_it_tells_the_artist_what_to_do(name: str) -> None:
    (note,) = [node for node in read(name)["nodes"] if node["type"] == "MarkdownNote"]
    text = note["widgets_values"][0]
    assert text.startswith("## ")
    assert 300 < len(text) < 1200


@pytest.mark.parametrize("name", NAMES)
def test_its_values_are_accepted_by_the_nodes(pack: Pack, name: str) -> None:
    for node in read(name)["nodes"]:
        if node["type"] == "LoadImage":
            assert node["widgets_values"][0] in SAMPLES
        if node["type"] not in pack.schemas:
            continue
        found = values(node)
        inputs = with_chosen(pack.schemas[node["type"]].inputs, found)
        widgets = [key for key, item in inputs.items() if item.get_io_type() in WIDGETS]
        assert list(found) == widgets, node["type"]
        for key, value in found.items():
            item = inputs[key]
            if node["type"] in ("StyleAtelierLoadW", "StyleAtelierLoadStyle"):
                assert value in (SAVED, SAVED_STYLE)
            elif key == "lora":
                assert value.endswith(".safetensors")  # a file of the person's
            elif item.get_io_type() == "COMBO":
                assert value in item.options, f"{node['type']}.{key}"
            elif item.get_io_type() == DYNAMIC:
                assert value in [option.key for option in item.options], f"{node['type']}.{key}"
            elif item.get_io_type() == "BOOLEAN":
                assert isinstance(value, bool)
            elif item.get_io_type() != "STRING":
                assert item.min <= value <= item.max, f"{node['type']}.{key}"


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_offline_unless_it_says_so(name: str) -> None:
    loaded = {node["widgets_values"][0] for node in read(name)["nodes"] if node["type"].startswith("StyleAtelierLoad")}
    assert loaded == DOWNLOADED.get(name, {POCKET})


@pytest.mark.parametrize("name", NAMES)
def test_it_has_a_thumbnail(name: str) -> None:
    start = path_of(name, ".jpg").read_bytes()[:3]
    assert start == b"\xff\xd8\xff"


@pytest.mark.parametrize("name", NAMES)
def test_it_names_the_models_that_comfyui_can_fetch(name: str) -> None:
    for node in read(name)["nodes"]:
        known = {model["name"]: model for model in node["properties"].get("models", [])}
        if node["type"] == "CheckpointLoaderSimple" or (
            node["type"] == "StyleAtelierLoadLora" and node["widgets_values"][0] == OFFSET
        ):
            model = known[node["widgets_values"][0]]
            assert model["url"].startswith("https://huggingface.co/")
            assert model["url"].endswith(model["name"])
            assert model["directory"] in ("checkpoints", "loras")
