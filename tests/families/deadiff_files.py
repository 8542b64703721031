"""A small DEADiff by its published names, with what of the authors' file is not needed; and one that fits the tiny SD1.5."""

from __future__ import annotations

import torch
from torch import Tensor

WIDTH, HIDDEN, QUERIES, LAYERS, VISION = 32, 48, 4, 2, 48
VOCABULARY = 4181  # up to the last id that is read
PLACES = ("input_blocks.1.1", "input_blocks.2.1", "input_blocks.4.1", "input_blocks.5.1", "input_blocks.7.1", "input_blocks.8.1")
PLACES += ("middle_block.1", *(f"output_blocks.{n}.1" for n in range(3, 12)))
CHANNELS = {"input_blocks.1": 32, "input_blocks.2": 32, "input_blocks.4": 64, "input_blocks.5": 64}
CHANNELS |= {f"output_blocks.{n}": 64 for n in (6, 7, 8)} | {f"output_blocks.{n}": 32 for n in (9, 10, 11)}


def deadiff_file(seed: int = 0) -> dict[str, Tensor]:
    """Everything that `state_dict` of the authors' file has, small; the UNet's own weights are one."""
    drawn = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {"model.diffusion_model.time_embed.0.weight": torch.randn(400, 400, generator=drawn)}

    def dense(name: str, out: int, inputs: int) -> None:
        tensors[f"{name}.weight"] = torch.randn(out, inputs, generator=drawn) * inputs**-0.5
        tensors[f"{name}.bias"] = torch.randn(out, generator=drawn) * 0.1

    def norm(name: str, width: int) -> None:
        tensors[f"{name}.weight"] = 1 + 0.1 * torch.randn(width, generator=drawn)
        tensors[f"{name}.bias"] = torch.randn(width, generator=drawn) * 0.1

    for word in ("style", "content"):
        blip = f"{word}_blip."
        tensors[f"{blip}query_tokens"] = torch.randn(1, QUERIES, WIDTH, generator=drawn)
        norm(f"{blip}ln_vision", VISION)
        bert = f"{blip}Qformer.bert."
        tensors[f"{bert}embeddings.position_ids"] = torch.arange(8)[None]
        tensors[f"{bert}embeddings.word_embeddings.weight"] = torch.randn(VOCABULARY, WIDTH, generator=drawn)
        tensors[f"{bert}embeddings.position_embeddings.weight"] = torch.randn(8, WIDTH, generator=drawn)
        norm(f"{bert}embeddings.LayerNorm", WIDTH)
        for layer in range(LAYERS):
            start = f"{bert}encoder.layer.{layer}."
            for attention, source in (("attention", WIDTH), ("crossattention", VISION)):
                dense(f"{start}{attention}.self.query", WIDTH, WIDTH)
                dense(f"{start}{attention}.self.key", WIDTH, source)
                dense(f"{start}{attention}.self.value", WIDTH, source)
                dense(f"{start}{attention}.output.dense", WIDTH, WIDTH)
                norm(f"{start}{attention}.output.LayerNorm", WIDTH)
            for kind in ("", "_query"):
                dense(f"{start}intermediate{kind}.dense", HIDDEN, WIDTH)
                dense(f"{start}output{kind}.dense", WIDTH, HIDDEN)
                norm(f"{start}output{kind}.LayerNorm", WIDTH)
        dense(f"{blip}vision_proj", 8, WIDTH)
        norm(f"{word}_proj_layer.LayerNorm", WIDTH)
        dense(f"{word}_proj_layer.dense1", HIDDEN, WIDTH)
        dense(f"{word}_proj_layer.dense2", WIDTH, HIDDEN)
    for place in PLACES:
        channels = CHANNELS.get(place.rsplit(".", 1)[0], 128)
        for kind in ("i_to_k", "i_to_v"):
            name = f"model.diffusion_model.{place}.transformer_blocks.0.attn2.{kind}.weight"
            tensors[name] = torch.randn(channels, WIDTH, generator=drawn) * WIDTH**-0.5
    return tensors
