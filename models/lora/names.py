"""One name for one layer: kohya's, whatever a file's names are."""

from __future__ import annotations

import re

PREFIXES = (
    "base_model.model.",
    "unet.base_model.model.",
    "unet.unet.",
    "unet.",
    "diffusion_model.",
    "transformer.",
    "lycoris_",
    "lora_unet_",
)
ENCODERS = (
    (("text_encoder_2.base_model.model.", "text_encoder_2.", "lora_te2_"), "lora_te2_"),
    (("text_encoder.base_model.model.", "text_encoder.", "lora_te1_", "lora_te_"), "lora_te_"),
)


def canonical(name: str) -> str:
    """ "unet.up_blocks.0...to_q" -> "lora_unet_up_blocks_0_..._to_q". Names in LDM's order (input_blocks) stay in it."""
    for prefixes, start in ENCODERS:
        for prefix in prefixes:
            if name.startswith(prefix):
                return start + name[len(prefix) :].replace(".", "_")
    for prefix in PREFIXES:
        if name.startswith(prefix):
            name = name[len(prefix) :]
            break
    plain = name.replace(".processor.", ".").replace(".", "_")
    return "lora_unet_" + re.sub(r"_to_out$", "_to_out_0", plain)
