"""A photo in the style of paintings by Stable Diffusion, in one box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ..host.feedback import show
from ..host.images import Picture, from_image, from_mask, read_weights, slots, take, to_image, wire_format
from ..host.sockets import ClipSocket, ModelSocket, VaeSocket
from ..host.widgets import grown, proportions
from .pictures import covering, decoded, encoded, working_size
from .sampling import Steps, check_conditioning
from .stable_diffusion import needs_comfyui
from .style_injection import CATEGORY, WHAT, blocks_of
from .styleid import brought_back, inverted, painted, told
from .unets import check_unet

if TYPE_CHECKING:
    from ...models.diffusion.injection import Injection

# gamma, temperature: the paper's, its stronger setting, and two beside them.
PRESETS = {
    "keep the drawing": (0.9, 1.5),
    "balanced (as published)": (0.75, 1.5),
    "more style": (0.5, 1.5),
    "most style": (0.3, 1.5),
}
BALANCED = "balanced (as published)"


class StyleTransferSD(io.ComfyNode):
    """MODEL, CLIP, VAE, a photo and paintings -> the photo in their style."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierStyleTransferSD",
            display_name="Style Transfer (SD)",
            category=CATEGORY,
            description="Paints a photo in the style of a painting with your Stable Diffusion checkpoint: no training, no "
            "prompt, no further download (StyleID). Several paintings can be mixed, or each given its region.",
            search_aliases=[
                *("style transfer sd", "styleid", "style reference", "ip-adapter style", "training free style transfer"),
                *("stable diffusion style transfer", "style image", "two styles by region"),
            ],
            inputs=[
                ModelSocket.Input("model", tooltip="SD1.5, or SDXL, for which this was not published."),
                ClipSocket.Input("clip", tooltip="The checkpoint's CLIP. It reads an empty prompt."),
                VaeSocket.Input("vae", tooltip="The checkpoint's VAE."),
                io.Image.Input("content", tooltip="The photo to paint anew, or a batch. Its transparency is kept."),
                grown(
                    "styles",
                    io.Image,
                    "style",
                    "The painting whose style to take. A socket for the next appears as you connect; several are mixed.",
                    least=1,
                    most=4,
                    optional=False,
                ),
                io.Combo.Input(
                    "preset",
                    options=list(PRESETS),
                    default=BALANCED,
                    tooltip="How freely it paints. balanced is the paper's setting.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How much of it all: 0 gives the photo back, up to what its way into noise loses.",
                ),
                proportions("style_weights", "style"),
                io.Int.Input(
                    "steps",
                    default=50,
                    min=2,
                    max=500,
                    step=1,
                    tooltip="Steps into noise and back: 50 as published, 20 for a look. The photo holds better with more.",
                ),
                io.Int.Input(
                    "size",
                    default=512,
                    min=0,
                    max=4096,
                    step=64,
                    tooltip="Shorter side of the result in pixels: 512 for SD1.5, 1024 for SDXL. 0 keeps the photo's size.",
                ),
                grown(
                    "content_masks",
                    io.Mask,
                    "content_mask",
                    "Where each style goes, one mask for each style: white is painted in it. The photo stays where none is.",
                    most=4,
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The photo in the paintings' style."),
                io.String.Output(display_name="report", tooltip="Blocks, settings, memory, and what the way into noise loses."),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        clip: Any,
        vae: Any,
        content: Tensor,
        styles: Any,
        preset: str,
        strength: float,
        style_weights: str,
        steps: int,
        size: int,
        content_masks: Any = None,
    ) -> io.NodeOutput:
        from ...models.diffusion.injection import Injection

        photo = from_image(content, "content")
        paintings = {slot: from_image(image, f"style{slot}") for slot, image in slots(styles, "style").items()}
        if not paintings:
            raise ValueError("styles holds no picture: connect at least one painting")
        weights = read_weights(style_weights, len(paintings), "style_weights")
        given = slots(content_masks, "content_mask")
        if given and len(given) != len(paintings):
            raise ValueError(
                f"content_masks holds {len(given)} masks for {len(paintings)} styles: connect one for each style, or none"
            )
        masks = [from_mask(mask, f"content_mask{slot}", photo.batch) for slot, mask in given.items()]
        needs_comfyui("Style Transfer (SD)")
        check_unet(model, WHAT)
        conditioning = clip.encode_from_tokens_scheduled(clip.tokenize(""))
        check_conditioning(conditioning, model)
        job = Job(model, conditioning, vae, steps, *working_size(photo, size))
        gamma, temperature = PRESETS[preset]
        made, reports = [], []
        job.begin(photo.batch, paintings, strength)
        for index in range(photo.batch):
            wanted = Injection(gamma, temperature, strength, weights, tuple(take(mask, index, index + 1) for mask in masks))
            picture, report = job.paint(photo, paintings, index, wanted)
            made.append(picture)
            reports.append(report)
        text = "\n\n".join(dict.fromkeys(reports))
        show(text)
        alpha = photo.resized(job.height, job.width).alpha
        return io.NodeOutput(to_image(torch.cat(made), alpha, *wire_format()), text)


class Job:
    """One run: what is the same for all of its pictures, and the ways of paintings that serve several."""

    def __init__(self, model: Any, conditioning: Any, vae: Any, count: int, height: int, width: int) -> None:
        self.model, self.conditioning, self.vae, self.count = model, conditioning, vae, count
        self.height, self.width = height, width
        self.ways: dict[tuple[int, int], Any] = {}
        self.steps = Steps(model, 1)

    def begin(self, pictures: int, paintings: dict[int, Picture], strength: float) -> None:
        """Count the steps of the whole run."""
        styles = sum(painting.batch if painting.batch > 1 else 1 for painting in paintings.values()) if strength else 0
        self.steps = Steps(self.model, pictures * (2 * self.count - 1) + styles * self.count)

    def way(self, picture: Picture, index: int, name: str) -> Any:
        """A picture's way into noise."""
        fitted = covering(picture.rgb[index : index + 1], self.height, self.width)
        latents = encoded(self.vae, fitted, self.model, name)
        return inverted(self.model, self.conditioning, latents, self.count, self.steps)

    def style(self, paintings: dict[int, Picture], slot: int, index: int) -> Any:
        """A painting's way, made once."""
        row = index % paintings[slot].batch
        if (slot, row) not in self.ways:
            self.ways[slot, row] = self.way(paintings[slot], row, f"style{slot}")
        return self.ways[slot, row]

    def paint(self, photo: Picture, paintings: dict[int, Picture], index: int, wanted: Injection) -> tuple[Tensor, str]:
        """([1, 3, H, W] in 0..1, what was done) of one photo."""
        from ...models.diffusion.trajectory import lost

        content = self.way(photo, index, "content")
        if not wanted.strength:
            back = brought_back(self.model, content, self.steps)
            loss = lost(back, content.latents)
            return decoded(
                self.vae, back, self.model
            ), f"strength 0: the photo, of which its way into noise and back loses {loss:.2%}"
        styles = [self.style(paintings, slot, index) for slot in paintings]
        blocks = blocks_of(self.model, "")
        latents = painted(self.model, content, styles, wanted, blocks, self.steps)
        return decoded(self.vae, latents, self.model), "\n".join(told(content, styles, wanted, blocks))
