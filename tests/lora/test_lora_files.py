"""LoRA files as their trainers write them, without a model: brought to one form, and held against shapes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from style_atelier.models.lora.facts import facts_of
from style_atelier.models.lora.files import settings_beside
from style_atelier.models.lora.fit import fit, is_by_rows, with_magnitude
from style_atelier.models.lora.formats import PEFT_HEADER, plain
from style_atelier.models.lora.merge import merge
from style_atelier.models.lora.modules import Module, modules_of
from style_atelier.models.weights.errors import CheckpointError
from style_atelier.models.weights.readers import read_checkpoint

LAYER = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"


def pair(name: str, up: str, down: str, out: int = 6, inputs: int = 5, rank: int = 2) -> dict[str, Tensor]:
    return {f"{name}{up}": torch.ones(out, rank), f"{name}{down}": torch.ones(rank, inputs)}


def shapes(tensors: dict[str, Tensor]) -> dict[str, tuple[int, ...] | None]:
    return {name: module.shape for name, module in modules_of(tensors)[0].items()}


def test_one_adapter_of_several() -> None:
    tensors = pair(LAYER, ".lora_B.mine.weight", ".lora_A.mine.weight") | pair(
        LAYER, ".lora_B.other.weight", ".lora_A.other.weight", rank=4
    )
    facts = facts_of(tensors, {})
    assert list(facts.modules) == [LAYER]
    assert facts.modules[LAYER].rank == 2
    assert "adapters in it: mine, other; mine is taken" in facts.summary()


@pytest.mark.parametrize(
    ("settings", "alpha"),
    [
        ({"unet.r": 2, "unet.lora_alpha": 16}, 16.0),
        ({"lora_alpha": 16}, 16.0),
        ({"unet.lora_alpha": 16, "unet.use_rslora": True}, 16 * 2**0.5),
        ({"unet.lora_alpha": 16, "unet.alpha_pattern": {"attn1.to_q": 4}}, 4.0),
        ({"text_encoder.lora_alpha": 16}, None),
        ({"unet.lora_alpha": "many"}, None),
        ("no settings", None),
    ],
)
def test_alphas_of_the_header(settings: object, alpha: float | None) -> None:
    header = {PEFT_HEADER: json.dumps(settings)}
    tensors = pair(LAYER, ".lora_B.weight", ".lora_A.weight")
    assert facts_of(tensors, header).modules[LAYER].alpha == pytest.approx(alpha)
    own = facts_of(tensors | {f"{LAYER}.alpha": torch.tensor(3.0)}, header).modules[LAYER]
    assert own.alpha == 3.0


def test_alpha_of_kohyas_header_alone() -> None:
    tensors = pair("lora_unet_x", ".lora_up.weight", ".lora_down.weight")
    header = {"ss_network_module": "networks.lora", "ss_network_alpha": "8", "ss_network_dim": "2"}
    assert facts_of(tensors, header).modules["lora_unet_x"].alpha == 8.0
    assert facts_of(tensors, {"ss_network_alpha": "8"}).modules["lora_unet_x"].alpha is None


def test_settings_beside_pefts_own_file_alone(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"lora_alpha": 8}')
    assert settings_beside(tmp_path / "adapter_model.safetensors") == {PEFT_HEADER: '{"lora_alpha": 8}'}
    assert settings_beside(tmp_path / "other.safetensors") == {}


@pytest.mark.parametrize(
    ("order", "last"),
    [
        (("down", "up", "middle"), "mid_block.attentions.0"),
        (("down", "middle", "up"), "up_blocks.3.attentions.2"),
    ],
)
def test_cloneofsimo_by_widths(order: tuple[str, ...], last: str) -> None:
    """The place of the middle block and of GEGLU is read from the sizes."""
    widths = {"down": (4, 4, 8, 8, 16, 16), "up": (16, 16, 16, 8, 8, 8, 4, 4, 4), "middle": (16,)}
    sizes = []
    for width in (w for part in order for w in widths[part]):
        attention, wide, text = (width, width), (8 * width, width), (width, 6)
        sizes += [*[attention] * 4, wide, attention, text, text, attention]
    tensors = {}
    for number, (out, inputs) in enumerate(sizes):
        tensors |= {f"unet:{number}:up": torch.ones(out, 2), f"unet:{number}:down": torch.ones(2, inputs)}
    names = list(modules_of(plain(tensors, {}).tensors)[0])
    assert len(names) == 144
    assert names[4] == "unet.down_blocks.0.attentions.0.transformer_blocks.0.ff.net.0.proj"
    assert names[6].endswith("attn2.to_k")
    assert names[-1] == f"unet.{last}.transformer_blocks.0.attn2.to_out.0"


def test_a_list_of_cloneofsimo(tmp_path: Path) -> None:
    torch.save([torch.ones(8, 2), torch.ones(2, 8)] * 8, tmp_path / "lora.text_encoder.pt")
    names = list(facts_of(read_checkpoint(tmp_path / "lora.text_encoder.pt").tensors, {}).modules)
    assert names[:2] == [f"text_encoder.text_model.encoder.layers.0.self_attn.{n}_proj" for n in "kv"]


def test_everything_is_accounted_for() -> None:
    tensors = (
        pair("good", ".lora_up.weight", ".lora_down.weight")
        | pair("wide", ".lora_up.weight", ".lora_down.weight", inputs=9)
        | {"half.lora_down.weight": torch.ones(2, 5), "strange.oft_blocks.0": torch.ones(2, 3, 3), "loose": torch.ones(1)}
        | pair("lora_te_x", ".lora_up.weight", ".lora_down.weight")
        | pair("nowhere", ".lora_up.weight", ".lora_down.weight")
    )
    modules, others = modules_of(tensors)
    targets = dict.fromkeys(("good", "wide", "half", "strange"), (6, 5))
    found = fit(modules, others, targets, lambda name: name.startswith("lora_te_"))
    assert list(found.fitting) == ["good"]
    assert (found.count, found.text, found.left) == (6, ("lora_te_x",), ("loose",))
    assert found.lines() == [
        "1 of 6 modules has 9 where the model has 5: wide",
        "1 of 6 modules is of a kind that is not known (oft_blocks.0): strange",
        "1 of 6 modules is incomplete, without lora_up: half",
        "not matched: 1 of 6 modules, such as nowhere",
        "1 tensors belong to no module: loose",
    ]


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 3, 3)])
def test_magnitude_by_rows(shape: tuple[int, ...]) -> None:
    """What a reader that divides by |W| makes of the corrected magnitude is m (W + BA) / |W + BA|."""
    torch.manual_seed(0)
    weight, m = torch.randn(shape), torch.rand(6) + 0.5
    up, down = torch.randn(6, 2), torch.randn(2, *shape[1:])
    module = Module("x", {"up": up, "down": down, "dora": m}, {"up": "x.lora_B.weight", "down": "x.lora_A.weight", "dora": "x.m"})
    assert module.kind == "DoRA"
    assert is_by_rows(module, weight)
    full = weight + (up @ down.flatten(1)).reshape(shape)
    wanted = m.view(-1, *(1,) * (len(shape) - 1)) * full / full.flatten(1).norm(dim=1).view(-1, *(1,) * (len(shape) - 1))
    rows = weight.flatten(1).norm(dim=1).view(-1, *(1,) * (len(shape) - 1))
    torch.testing.assert_close(full * with_magnitude(module, weight) / rows, wanted)
    assert not is_by_rows(Module("x", {"dora": torch.ones(1, 5)}, {}), weight)


def test_merging_needs_whole_modules() -> None:
    with pytest.raises(ValueError, match="has no lora_up"):
        merge([({"a.lora_down.weight": torch.ones(2, 3)}, 1.0)])


@pytest.mark.parametrize(("width", "family"), [(768, "SD1.5"), (1024, "SD2.x"), (2048, "SDXL")])
def test_the_model_is_told_by_sizes_before_the_header(width: int, family: str) -> None:
    name = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    tensors = pair(name, ".lora_up.weight", ".lora_down.weight", inputs=width)
    assert facts_of(tensors, {}).family == family
    stated = facts_of(tensors, {"ss_base_model_version": "sdxl_base_v1-0"}).family
    assert stated == ("sdxl_base_v1-0" if family == "SDXL" else family)


def test_the_reported_files(shared: Path) -> None:
    folder = shared / "cases" / "reports"
    if not folder.is_dir():
        pytest.skip(f"no report cases at {folder}")

    def facts(name: str):
        found = read_checkpoint(folder / name)
        return facts_of(found.tensors, found.metadata)

    assert facts("l01_peft_dora.safetensors").kinds == {"DoRA": 4}
    assert set(facts("l02_alpha_in_header.safetensors").alphas) == {16.0}
    assert len(facts("l03_half_of_it_unknown.safetensors").others) == 2
    assert facts("l12_missing_half_of_a_module.safetensors").kinds == {"LoRA": 3, "incomplete": 1}
    said = {"l08_empty": "is empty", "l09_lfs_pointer": "Git LFS", "l10_web_page": "a web page", "l11_cut_short": "cut short"}
    for name, words in said.items():
        with pytest.raises(CheckpointError, match=words) as caught:
            facts(f"{name}.safetensors")
        assert f"{name}.safetensors" in str(caught.value)
