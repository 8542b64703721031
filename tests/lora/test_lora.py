"""LoRA files: their modules, what they say of themselves, blocks and merging, without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from style_atelier.models.lora.blocks import BLOCKS, PRESETS, UNET_SETS, block_of, family_of, parse_weights, preset_weights, ratio
from style_atelier.models.lora.facts import facts_of
from style_atelier.models.lora.files import write_lora
from style_atelier.models.lora.merge import merge, reduced
from style_atelier.models.lora.modules import change, modules_of
from style_atelier.models.lora.names import canonical


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def lora(name: str, out: int = 6, inputs: int = 5, rank: int = 2, alpha: float | None = 4.0, seed: int = 0) -> dict[str, Tensor]:
    tensors = {f"{name}.lora_up.weight": drawn(out, rank, seed=seed), f"{name}.lora_down.weight": drawn(rank, inputs, seed=seed)}
    return tensors if alpha is None else tensors | {f"{name}.alpha": torch.tensor(alpha)}


def test_blocks_of_weights() -> None:
    cases = {
        "diffusion_model.input_blocks.4.1.proj_in.weight": "IN04",
        "diffusion_model.middle_block.1.x.weight": "M00",
        "diffusion_model.output_blocks.11.0.x.weight": "OUT11",
        "diffusion_model.joint_blocks.3.x.weight": "J03",
        "diffusion_model.double_blocks.18.x.weight": "D18",
        "diffusion_model.single_blocks.37.x.weight": "S37",
        "diffusion_model.time_embed.0.weight": "BASE",
        "clip_l.transformer.x": "BASE",
    }
    assert {key: block_of(key) for key in cases} == cases
    assert family_of(["diffusion_model.double_blocks.0.x"]) == "Flux"
    assert family_of(["diffusion_model.joint_blocks.0.x"]) == "SD3"
    assert family_of(["diffusion_model.input_blocks.0.0.weight", "diffusion_model.label_emb.0.0.weight"]) == "SDXL"
    assert family_of(["diffusion_model.input_blocks.0.0.weight"]) == "SD1.5"
    assert family_of(["other"]) is None


def test_lists_of_numbers() -> None:
    classic = parse_weights("1,1,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0.5", "SD1.5")
    assert {block for block, value in classic.items() if value} == {"BASE", "IN01", "IN02", "OUT11"}
    assert classic["OUT11"] == 0.5
    assert classic["IN00"] == 0
    assert parse_weights(", ".join(["1"] * 26), "SD1.5") == dict.fromkeys(BLOCKS["SD1.5"], 1.0)
    assert len([v for v in parse_weights(",".join(["1"] * 12), "SDXL").values() if v]) == 12
    named = parse_weights("out01=1, IN=0.5, rest=0", "SDXL")
    assert named["OUT01"] == 1
    assert named["IN08"] == 0.5
    assert named["M00"] == 0
    assert ratio("diffusion_model.output_blocks.1.1.x", named) == 1
    assert ratio("anything", {}) == 1


@pytest.mark.parametrize(
    ("text", "family", "message"),
    [
        ("1, 2, 3", "SDXL", "has 3 numbers and SDXL takes 12 or 20"),
        ("IN20=1", "SDXL", "names IN20"),
        ("IN04=x", "SDXL", "'x', which is no number"),
        ("IN04=1000", "SDXL", "from -100 to 100"),
        ("1", None, "leave them empty"),
    ],
)
def test_wrong_weights(text: str, family: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_weights(text, family)


def test_sets_are_of_blocks_that_exist() -> None:
    for family, sets in UNET_SETS.items():
        for name, blocks in sets.items():
            assert set(blocks) <= set(BLOCKS[family]), (family, name)
            assert name in PRESETS
            assert {b for b, value in preset_weights(name, family).items() if value} == set(blocks)
    assert preset_weights("all", None) == {}
    with pytest.raises(ValueError, match="blocks is B-LoRA style and Flux has no such set"):
        preset_weights("B-LoRA style", "Flux")


def test_facts() -> None:
    tensors = (
        lora("lora_unet_output_blocks_11_1_x", rank=2)
        | lora("lora_unet_down_blocks_0_attentions_0_y", rank=3, alpha=None)
        | {"else": drawn(2)}
    )
    facts = facts_of(tensors, {"modelspec.trigger_phrase": "by hand", "ss_tag_frequency": "no json"})
    assert facts.kinds == {"LoRA": 2}
    assert facts.ranks == {2: 1, 3: 1}
    assert facts.alphas == {4.0: 1}
    assert facts.family == "SD1.5"
    assert facts.trigger == "by hand"
    assert facts.tags == ()
    assert facts.others == ("else",)
    assert "rank 2, 3; alpha 4" in facts.summary()


def test_changes() -> None:
    plain = modules_of(lora("m"))[0]["m"]
    torch.testing.assert_close(change(plain), plain.parts["up"] @ plain.parts["down"] * 2)
    conv = {"m.lora_up.weight": drawn(6, 2, 1, 1), "m.lora_down.weight": drawn(2, 5, 3, 3)}
    made = change(modules_of(conv)[0]["m"])
    x = drawn(1, 5, 7, 7)
    both = torch.conv2d(torch.conv2d(x, conv["m.lora_down.weight"]), conv["m.lora_up.weight"])
    torch.testing.assert_close(torch.conv2d(x, made), both, atol=1e-4, rtol=1e-4)
    kron = change(modules_of({"m.lokr_w1": drawn(2, 3), "m.lokr_w2": drawn(4, 5)})[0]["m"])
    torch.testing.assert_close(kron, torch.kron(drawn(2, 3), drawn(4, 5)))
    with pytest.raises(ValueError, match="DoRA"):
        change(modules_of(lora("m") | {"m.dora_scale": drawn(6, 1)})[0]["m"])


def test_merging_is_the_sum_and_resizing_the_nearest() -> None:
    one, two = (
        lora("unet.a.to_q", seed=1),
        {"lora_unet_a_to_q.lora_up.weight": drawn(6, 3, seed=2), "lora_unet_a_to_q.lora_down.weight": drawn(3, 5)},
    )
    expected = 0.5 * change(modules_of(one)[0]["unet.a.to_q"]) - change(modules_of(two)[0]["lora_unet_a_to_q"])
    whole = merge([(one, 0.5), (two, -1.0)], 0, canonical)
    assert list(whole.rank) == ["lora_unet_a_to_q"]
    assert whole.kept == 1
    torch.testing.assert_close(change(modules_of(whole.tensors)[0]["lora_unet_a_to_q"]), expected, atol=1e-5, rtol=0)
    small = merge([(one, 0.5), (two, -1.0)], 2, canonical)
    got = change(modules_of(small.tensors)[0]["lora_unet_a_to_q"])
    u, s, v = torch.linalg.svd(expected)
    torch.testing.assert_close(got, (u[:, :2] * s[:2]) @ v[:2], atol=1e-5, rtol=0)
    assert small.kept == pytest.approx(float(s[:2].square().sum() / s.square().sum()), abs=1e-5)
    assert reduced(torch.zeros(4, 2), torch.zeros(2, 4), 1)[2] == 1


def test_other_kinds_merge() -> None:
    loha = {f"m.hada_w{i}_{x}": drawn(6, 2, seed=i) if x == "a" else drawn(2, 5, seed=i) for i in (1, 2) for x in "ab"}
    expected = change(modules_of(loha)[0]["m"]) + change(modules_of(lora("m"))[0]["m"])
    merged = merge([(loha, 1.0), (lora("m"), 1.0)])
    torch.testing.assert_close(change(modules_of(merged.tensors)[0]["m"]), expected, atol=1e-4, rtol=1e-4)
    with pytest.raises(ValueError, match="other sizes"):
        merge([(lora("m"), 1.0), (lora("m", out=9), 1.0)])
    with pytest.raises(ValueError, match="hold no LoRA"):
        merge([({"x": drawn(2)}, 1.0)])


def test_changes_of_biases_are_kept() -> None:
    one, two = lora("m", seed=1) | {"m.diff_b": drawn(6, seed=3)}, lora("m", seed=2) | {"m.diff_b": drawn(6, seed=4)}
    for rank in (0, 1):
        merged = merge([(one, 0.5), (two, -2.0), (lora("m"), 1.0)], rank).tensors
        torch.testing.assert_close(merged["m.diff_b"], 0.5 * one["m.diff_b"] - 2 * two["m.diff_b"])
    assert "m.diff_b" not in merge([(lora("m"), 1.0)]).tensors
    with pytest.raises(ValueError, match="leave that file out"):
        merge([(lora("m") | {"m.reshape_weight": torch.tensor([6, 8])}, 1.0)])


def test_files(tmp_path: Path) -> None:
    merged = merge([(lora("m"), 1.0)])
    first, second = (write_lora(merged, tmp_path, "set/mine", "one x 1") for _ in range(2))
    assert [first.name, second.name] == ["mine_00001.safetensors", "mine_00002.safetensors"]
    with safe_open(str(first), "pt") as file:
        assert file.metadata()["ss_network_dim"] == "2"
        torch.testing.assert_close(file.get_tensor("m.lora_up.weight"), merged.tensors["m.lora_up.weight"])
    for name in ("../out", "/etc/out", ""):
        with pytest.raises(ValueError, match=r"leads out of|is no name of a file"):
            write_lora(merged, tmp_path, name, "")


def test_names() -> None:
    expected = "lora_unet_up_blocks_0_attentions_1_to_out_0"
    for name in (
        "unet.up_blocks.0.attentions.1.to_out.0",
        "up_blocks.0.attentions.1.processor.to_out",
        "lora_unet_up_blocks_0_attentions_1_to_out_0",
        "base_model.model.up_blocks.0.attentions.1.to_out.0",
        "unet.unet.up_blocks.0.attentions.1.to_out.0",
    ):
        assert canonical(name) == expected, name
    assert canonical("text_encoder.text_model.x") == canonical("lora_te_text_model_x") == "lora_te_text_model_x"
    assert canonical("text_encoder_2.text_model.x") == "lora_te2_text_model_x"
