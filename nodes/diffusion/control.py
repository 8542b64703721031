"""ControlNeXt as one of the host's controls: what core's Apply ControlNet nodes take. Imported only where the host has them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import comfy.controlnet
import comfy.model_base
import comfy.model_management as mm
import comfy.model_patcher
import comfy.utils
from torch import Tensor

if TYPE_CHECKING:
    from ...models.families.controlnext import ControlNeXt, Formula, Placement, Variant

BYTES_PER_HINT_PIXEL = 64.0 * 4 * 3
PATCHES = {"input": "input_block_patch_after_skip", "output": "output_block_patch"}


class ControlNeXtControl(comfy.controlnet.ControlBase):
    """A ControlNeXt with the host's strength, percent range, stacking and batches.

    It adds no feature maps of ControlNet's kind: for each call it puts one more patch into a copy of the model's, which changes
    the features where the variant enters.
    """

    def __init__(self, network: ControlNeXt, patcher: Any, variant: Variant | None, formula: Formula) -> None:
        super().__init__()
        self.network, self.patcher = network, patcher
        self.wanted: Variant | None = variant
        self.formula: Formula = formula
        self.placement: Placement | None = None
        self.sampling: Any = None

    def pre_run(self, model: Any, percent_to_timestep_function: Callable[[float], Any]) -> None:
        """Called before sampling with the model: decides where to enter."""
        from ...models.families.controlnext import PLACEMENTS

        super().pre_run(model, percent_to_timestep_function)
        self.sampling = model.model_sampling
        self.placement = placed(PLACEMENTS[self.wanted or variant_for(self.network, model)], model)
        check_width(self.network, model, self.placement)

    def get_control(self, x_noisy: Tensor, t: Tensor, cond: Any, batched_number: int, transformer_options: dict[str, Any]) -> Any:
        """The control of those before it, untouched; its own way in is `transformer_options`."""
        before = None
        if self.previous_controlnet is not None:
            before = self.previous_controlnet.get_control(x_noisy, t, cond, batched_number, transformer_options)
        out_of_range = self.timestep_range is not None and (t[0] > self.timestep_range[0] or t[0] < self.timestep_range[1])
        if self.strength == 0 or out_of_range or self.placement is None:
            return before
        hint = self.prepared_hint(x_noisy, batched_number)
        timestep = self.sampling.timestep(t).float()[: len(hint)]
        control = self.network(hint, timestep.to(hint.device))
        scale = 1.0 if self.network.scale is None else float(self.network.scale)
        patches = dict(transformer_options.get("patches", {}))
        name = PATCHES[self.placement.group]
        patch = entering(self.placement, control, self.strength * scale, self.formula)
        own = list(patches.get(name, []))
        # What comes out of the middle block is changed before FreeU and its like see it.
        patches[name] = [patch, *own] if self.placement.group == "output" else [*own, patch]
        transformer_options["patches"] = patches
        return before

    def prepared_hint(self, x_noisy: Tensor, batched_number: int) -> Tensor:
        """The hint at eight times the latent's size, for one picture or for each of the batch."""
        height, width = x_noisy.shape[-2] * 8, x_noisy.shape[-1] * 8
        if self.cond_hint is None or self.cond_hint.shape[-2:] != (height, width):
            weight = self.network.mid_convs[1].weight
            made = comfy.utils.common_upscale(self.cond_hint_original, width, height, "bilinear", "center")
            self.cond_hint = made[:, :3].to(device=x_noisy.device, dtype=weight.dtype)
        if self.cond_hint.shape[0] not in (1, x_noisy.shape[0]):
            self.cond_hint = comfy.controlnet.broadcast_image_to(self.cond_hint, x_noisy.shape[0], batched_number)
        return self.cond_hint

    def copy(self) -> ControlNeXtControl:
        """As the Apply nodes want it: the same network with settings of its own."""
        made = ControlNeXtControl(self.network, self.patcher, self.wanted, self.formula)
        self.copy_to(made)
        return made

    def deepclone_multigpu(self, load_device: Any, autoregister: bool = False) -> ControlNeXtControl:
        """A copy with its network on another device."""
        made = self.copy()
        made.network = copy.deepcopy(self.network)
        made.patcher = comfy.model_patcher.ModelPatcher(
            made.network, load_device=load_device, offload_device=mm.unet_offload_device()
        )
        if autoregister:
            self.multigpu_clones[load_device] = made
        return made

    def get_models(self) -> list[Any]:
        """What the host is to have in memory while it samples."""
        return [*super().get_models(), self.patcher]

    def inference_memory_requirements(self, dtype: Any) -> float:
        """Beside the network's weights."""
        size = 0 if self.cond_hint_original is None else self.cond_hint_original.shape[-1] * self.cond_hint_original.shape[-2]
        return size * BYTES_PER_HINT_PIXEL + super().inference_memory_requirements(dtype)

    def cleanup(self) -> None:
        """After sampling."""
        super().cleanup()
        self.sampling = self.placement = None


def placed(placement: Placement, model: Any) -> Placement:
    """With the number of the model's own block where that is behind the first downsampler."""
    if placement.group == "output" or placement.index == 0:
        return placement
    return replace(placement, index=model.model_config.unet_config["num_res_blocks"][0] + 1)


def entering(placement: Placement, control: Tensor, strength: float, formula: Formula) -> Callable[..., Any]:
    """The patch of one call."""
    from ...models.families.controlnext import injected

    place = (placement.group, placement.index)

    def into(h: Tensor, transformer_options: dict[str, Any]) -> Tensor:
        if transformer_options["block"] != place:
            return h
        return injected(h, control.to(h.device), placement, strength, formula)

    def behind_the_middle(h: Tensor, skip: Tensor, transformer_options: dict[str, Any]) -> tuple[Tensor, Tensor]:
        return into(h, transformer_options), skip

    return behind_the_middle if placement.group == "output" else into


def variant_for(network: ControlNeXt, model: Any) -> Variant:
    """The variant by the file and by the model that samples. Raises ValueError for models that ControlNeXt is not for."""
    if isinstance(model, comfy.model_base.SVD_img2vid):
        return "SVD v2"
    if isinstance(model, comfy.model_base.SDXL):
        return "SDXL"
    config = model.model_config.unet_config
    if "model_channels" in config and config.get("adm_in_channels") is None:
        return "SD1.5 v2" if network.config.embedded else "SD1.5 v1"
    raise ValueError(
        f"The model is {type(model.model_config).__name__} and ControlNeXt is for SD1.5, SDXL and SVD: choose another control "
        "for it"
    )


def check_width(network: ControlNeXt, model: Any, placement: Placement) -> None:
    """Raise ValueError where the map has not the channels of the features it would enter."""
    config = model.model_config.unet_config
    width = config.get("model_channels", 0) * (config["channel_mult"][-1] if placement.group == "output" else 1)
    if width != network.config.outputs:
        raise ValueError(
            f"The ControlNeXt file has {network.config.outputs} channels and the model wants {width}: choose the file of this "
            "kind of model, or the right variant"
        )
