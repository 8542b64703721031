"""What the training of a LoRA decides: buckets, captions, noise levels, the loss's weights, names."""

from __future__ import annotations

import pytest
import torch

from style_atelier.models.training.draws import Draws
from style_atelier.models.training.lora import blocks_wanted, bucket, captions_of, file_tensors, loss_weight, timestep


def test_buckets_keep_the_shape_and_the_area() -> None:
    assert bucket(512, 512, 512) == (512, 512)
    for height, width in ((300, 900), (1000, 700), (64, 4000)):
        down, right = bucket(height, width, 512)
        assert down % 64 == right % 64 == 0
        assert 0.7 < down * right / 512**2 < 1.4
        assert (down > right) == (height > width)


def test_captions_are_a_line_each_or_one_for_all() -> None:
    assert captions_of("a cat\na dog", "ohwx", 2) == ["ohwx, a cat", "ohwx, a dog"]
    assert captions_of("a house in ohwx style", "ohwx", 2) == ["a house in ohwx style"] * 2
    assert captions_of("", "ohwx", 2) == ["ohwx", "ohwx"]
    assert captions_of("", "", 1) == [""]
    with pytest.raises(ValueError, match="captions has 2 lines for 3 pictures"):
        captions_of("a\nb", "", 3)


def test_levels_towards_style_are_noisier() -> None:
    found = {kind: [timestep(Draws(0, step), "level", kind) for step in range(400)] for kind in ("even", "towards style")}
    assert all(0 <= level < 1000 for levels in found.values() for level in levels)
    means = {kind: sum(levels) / 400 for kind, levels in found.items()}
    assert abs(means["even"] - 500) < 50
    assert abs(means["towards style"] - 667) < 50


def test_min_snr_is_its_formula() -> None:
    """Hang et al., eq. 6: min(snr, gamma) / snr on the noise's error; on v's, min(snr, gamma) / (snr + 1) times that error."""
    sigma = torch.tensor([0.05, 0.3, 1.0, 14.0])
    snr = 1 / sigma**2
    torch.testing.assert_close(loss_weight(sigma, 5.0, False), torch.minimum(snr, torch.tensor(5.0)) / snr)
    noise_error = torch.tensor([0.3, 0.1, 2.0, 0.5])
    v_error = noise_error * ((snr + 1) / snr).sqrt()
    wanted = torch.minimum(snr, torch.tensor(5.0)) / (snr + 1) * v_error**2
    torch.testing.assert_close(loss_weight(sigma, 5.0, True) * noise_error**2, wanted)
    torch.testing.assert_close(loss_weight(sigma, 0.0, True) * noise_error**2, v_error**2)
    assert torch.equal(loss_weight(sigma, 0.0, False), torch.ones(4))


def test_blocks_by_what_is_asked() -> None:
    assert blocks_wanted("style", "", "SDXL") == "OUT01=1, rest=0"
    assert "OUT00=1" in blocks_wanted("style and content apart (B-LoRA)", "", "SDXL")
    assert blocks_wanted("blocks by name", "IN=1", None) == "IN=1"
    with pytest.raises(ValueError, match="choose attention, or blocks by name"):
        blocks_wanted("style and content apart (B-LoRA)", "", "SD1.5")


def test_the_file_is_in_kohyas_names() -> None:
    name = "diffusion_model.output_blocks.1.1.transformer_blocks.0.attn1.to_out.0"
    made = file_tensors({name: (torch.ones(4, 2), torch.ones(2, 3))}, 2)
    module = "lora_unet_output_blocks_1_1_transformer_blocks_0_attn1_to_out_0"
    assert set(made) == {f"{module}.{part}" for part in ("lora_up.weight", "lora_down.weight", "alpha")}
    assert float(made[f"{module}.alpha"]) == 2.0
