"""ControlNeXt: a light control for Stable Diffusion, and the UNet's weights that ship with it."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ...models.library.choices import control_choices
from ..host.feedback import show
from ..host.folders import Locator, file_stamp, model_files
from ..host.networks import load
from ..host.sockets import ControlNetSocket, ModelSocket
from .stable_diffusion import diffusers_names, needs_comfyui

AUTOMATIC = "automatic"


class LoadControlNeXt(io.ComfyNode):
    """A choice -> CONTROL_NET."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        choices = control_choices(model_files())
        return io.Schema(
            node_id="StyleAtelierLoadControlNeXt",
            display_name="Load ControlNeXt",
            category="Style Atelier/diffusion",
            description="Loads a ControlNeXt, a control a hundred times lighter than ControlNet, for ComfyUI's own "
            "Apply ControlNet.",
            search_aliases=["controlnext", "controlnet", "canny control", "depth control", "control lora"],
            inputs=[
                io.Combo.Input(
                    "controlnext",
                    options=choices,
                    default=choices[0],
                    tooltip="The named ones are downloaded the first time they are used. Your own files in "
                    "models/style_atelier are listed below them.",
                ),
                io.Combo.Input(
                    "variant",
                    options=[AUTOMATIC, "SD1.5 v1", "SD1.5 v2", "SDXL", "SVD v2"],
                    default=AUTOMATIC,
                    advanced=True,
                    tooltip="Where it enters the model. automatic goes by the file and by the model that samples; SD1.5 v2, "
                    "SDXL and SVD files look the same.",
                ),
                io.Combo.Input(
                    "normalisation",
                    display_name="normalization",
                    options=["code", "paper"],
                    default="code",
                    advanced=True,
                    tooltip="How the control is fitted to the features: as the authors' code does it, which is what the files "
                    "were trained with, or by the formula in their paper.",
                ),
            ],
            outputs=[ControlNetSocket.Output(display_name="control_net", tooltip="For Apply ControlNet (strength 0.35 to 1).")],
        )

    @classmethod
    def fingerprint_inputs(cls, controlnext: str, variant: str, normalisation: str) -> int:
        return file_stamp(controlnext)

    @classmethod
    def execute(cls, controlnext: str, variant: str, normalisation: str) -> io.NodeOutput:
        from ...models.library import controls

        needs_comfyui("Load ControlNeXt")
        from .control import ControlNeXtControl

        hosted = load("control", controlnext, controls.load_control)
        wanted: Any = None if variant == AUTOMATIC else variant
        return io.NodeOutput(ControlNeXtControl(hosted.model.module, hosted.patcher, wanted, normalisation))  # type: ignore[arg-type]


class ControlNeXtWeights(io.ComfyNode):
    """MODEL -> MODEL with the weights of a ControlNeXt."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        choices = control_choices(model_files())
        return io.Schema(
            node_id="StyleAtelierControlNeXtWeights",
            display_name="ControlNeXt Weights",
            category="Style Atelier/diffusion",
            description="Adds the UNet weights that ship with a ControlNeXt to the model: with them the control works as its "
            "authors show it. They unload and stack like a LoRA.",
            search_aliases=["controlnext unet", "controlnext lora", "merge controlnext"],
            inputs=[
                ModelSocket.Input("model", tooltip="The Stable Diffusion model that the ControlNeXt was trained for."),
                io.Combo.Input(
                    "weights",
                    options=choices,
                    default=choices[0],
                    tooltip="The same ControlNeXt, or a file of UNet weights of your own.",
                ),
                io.Float.Input(
                    "strength", default=1.0, min=-4.0, max=4.0, step=0.05, tooltip="How much of them: 1 as trained, 0 none."
                ),
                io.Combo.Input(
                    "kind",
                    options=[AUTOMATIC, "increments", "full"],
                    default=AUTOMATIC,
                    advanced=True,
                    tooltip="Whether the file's numbers are added to the model's or replace them. automatic sees it by how "
                    "alike they are.",
                ),
            ],
            outputs=[
                ModelSocket.Output(display_name="model", tooltip="For a sampler, with the control on its conditioning."),
                io.String.Output(display_name="report", tooltip="What was changed, for Preview Any."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, weights: str, strength: float, kind: str, model: Any = None) -> int:
        return file_stamp(weights)

    @classmethod
    def execute(cls, model: Any, weights: str, strength: float, kind: str) -> io.NodeOutput:
        from ...models.families.controlnext.weights import kind_of, model_names
        from ...models.library import controls

        needs_comfyui("ControlNeXt Weights")
        tensors = model_names(controls.load_unet_weights(weights, Locator()), diffusers_names(model))
        base = model.model.state_dict()
        unknown = [name for name in tensors if name not in base or base[name].shape != tensors[name].shape]
        if unknown:
            raise ValueError(
                f"weights has {len(unknown)} of {len(tensors)} tensors that do not fit the model, such as {unknown[0]}: "
                "choose the file of this kind of model"
            )
        found = kind_of(tensors, base) if kind == AUTOMATIC else kind
        report = f"{len(tensors)} tensors as {found}, strength {strength:g}"
        show(report)
        if strength == 0:
            return io.NodeOutput(model, report)
        made = model.clone()
        if found == "full":
            made.add_patches({name: (tensor,) for name, tensor in tensors.items()}, strength, 1 - strength)
        else:
            made.add_patches({name: ("diff", (tensor,)) for name, tensor in tensors.items()}, strength)
        return io.NodeOutput(made, report)
