"""What a file seems to be that is none of this pack's, told by the names of its tensors."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

# Pieces of tensor names that must all occur somewhere in the file, and what has them. The first that fits is named.
MARKS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("double_blocks.", "single_blocks."), "a FLUX diffusion model"),
    (("model.diffusion_model.", "conditioner.embedders."), "a Stable Diffusion XL checkpoint"),
    (("model.diffusion_model.joint_blocks.",), "a Stable Diffusion 3 checkpoint"),
    (("model.diffusion_model.",), "a Stable Diffusion checkpoint"),
    (("joint_blocks.",), "a Stable Diffusion 3 diffusion model"),
    (("input_hint_block.",), "a ControlNet"),
    (("controlnet_cond_embedding.",), "a ControlNet in the diffusers layout"),
    (("lora_down",), "a LoRA"),
    (("lora_A",), "a LoRA"),
    (("hada_w1",), "a LoHa adapter"),
    (("lokr_w1",), "a LoKr adapter"),
    (("ip_adapter.",), "an IP-Adapter"),
    (("image_proj.", "to_k_ip"), "an IP-Adapter"),
    (("motion_modules.",), "an AnimateDiff motion module"),
    (("string_to_param",), "a textual inversion embedding"),
    (("emb_params",), "a textual inversion embedding"),
    (("text_model.encoder.", "vision_model."), "a CLIP model"),
    (("text_model.encoder.",), "a CLIP text encoder"),
    (("vision_model.encoder.",), "a CLIP vision encoder"),
    (("encoder.block.0.layer.0.SelfAttention",), "a T5 text encoder"),
    (("down_blocks.", "up_blocks.", "mid_block.", "encoder.conv_in"), "a VAE in the diffusers layout"),
    (("first_stage_model.",), "a VAE"),
    (("encoder.down.0.", "decoder.up.0."), "a VAE"),
    (("down_blocks.", "up_blocks.", "time_embedding."), "a diffusion U-Net in the diffusers layout"),
    (("synthesis.", "mapping."), "a StyleGAN generator"),
    (("convs.0.conv.modulation", "to_rgb1."), "a StyleGAN2 generator"),
    (("RRDB_trunk.",), "an ESRGAN upscaler"),
    (("model.1.sub.",), "an ESRGAN upscaler"),
    ((".rdb1.conv1",), "an ESRGAN upscaler"),
    (("layers.0.residual_group.",), "a SwinIR upscaler"),
    (("style_conv", "stylegan_decoder"), "a GFPGAN face restorer"),
    (("cnns.",), "a discriminator of MUNIT or UNIT"),
    (("cnn_f.", "cnn_c."), "a discriminator of FUNIT"),
    (("discriminator.main.",), "StarGAN v2's networks of training, with the discriminator and without style averages"),
    (("generator.from_rgb.",), "a StarGAN v2 generator without its mapping network and style encoder"),
    (("from_rgb.", "to_rgb.", "decode.0.norm1.fc."), "a StarGAN v2 generator without its mapping network and style encoder"),
    (("conv1.conv2d.", "res1.conv1.conv2d."), "a feed-forward style network (Johnson)"),
    (("layer1.0.conv1.", "fc.weight"), "a ResNet classifier"),
    (("blocks.0.attn.qkv.",), "a vision transformer"),
    (("exp_avg",), "the state of an optimizer"),
)


def describe(tensors: Mapping[str, Tensor]) -> str | None:
    """What the file seems to be: "a Stable Diffusion checkpoint", or None when its names say nothing."""
    names = "\n".join(tensors)
    return next((what for marks, what in MARKS if all(mark in names for mark in marks)), None)
