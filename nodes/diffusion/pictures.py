"""Pictures to latents and back by the host's VAE, and the sizes in which a UNet works."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..host.images import Picture
from .unets import samples_of

MULTIPLE = 8  # pixels to a position of the latent


def working_size(picture: Picture, shorter: int) -> tuple[int, int]:
    """Height and width with this shorter side (0: the picture's own), in whole positions of the latent."""
    scale = shorter / min(picture.height, picture.width) if shorter else 1.0
    height, width = (max(MULTIPLE, round(side * scale / MULTIPLE) * MULTIPLE) for side in (picture.height, picture.width))
    return height, width


def covering(rgb: Tensor, height: int, width: int) -> Tensor:
    """Pictures [B, 3, h, w] scaled to cover a size, and cut to it at the middle."""
    from ...models.ops.padding import same_size

    h, w = rgb.shape[-2:]
    scale = max(height / h, width / w)
    large = same_size(rgb, max(height, round(h * scale)), max(width, round(w * scale)))
    top, left = (large.shape[-2] - height) // 2, (large.shape[-1] - width) // 2
    return large[..., top : top + height, left : left + width]


def encoded(vae: Any, rgb: Tensor, model: Any, name: str) -> Tensor:
    """Pictures [B, 3, H, W] in 0..1 -> latents in the model's scale. Raises ValueError where the VAE is another model's."""
    latents = vae.encode(rgb.movedim(1, -1).contiguous())
    try:
        return samples_of({"samples": latents}, model, name)
    except ValueError:
        raise ValueError(
            f"vae makes latents of {latents.shape[1]} channels and the model has {model.model.latent_format.latent_channels}: "
            "connect the VAE of the model's checkpoint"
        ) from None


def decoded(vae: Any, latents: Tensor, model: Any) -> Tensor:
    """Latents in the model's scale -> pictures [B, 3, H, W] in 0..1."""
    made = vae.decode(model.model.process_latent_out(latents.float()))
    return made.reshape(-1, *made.shape[-3:]).movedim(-1, 1)[:, :3].float().clamp(0, 1)
