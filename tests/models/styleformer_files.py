"""Files of StyleFormer in its published names."""

from __future__ import annotations

from torch import Tensor

from style_atelier.models.families.styleformer.network import DECODER, ENCODER, StyleFormerConfig, StyleFormerNetworks


def styleformer_file(config: StyleFormerConfig) -> dict[str, Tensor]:
    """A file with the authors' names, and torchvision's below `encoder.`, of zeros."""
    names = {f"b.convs.{name}.": f"b.model.{place}." for name, place in DECODER.items()}
    names |= {f"encoder.convs.{name}.": f"encoder.features.{place}." for name, place in ENCODER.items()}
    state = StyleFormerNetworks(config).state_dict()
    return {next((k.replace(own, there) for own, there in names.items() if k.startswith(own)), k): t for k, t in state.items()}
