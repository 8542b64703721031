"""Image Analogy: a filter learned from one pair of pictures."""

from __future__ import annotations

import torch
from comfy_api.latest import io
from torch import Tensor

from ...models.progress import Progress
from ..host.images import from_image, take
from .batches import CATEGORY, check_room, least_side, mask_input, painted, patch_input, seed_input, size_input, uniformity_input

COLORS = {"of images": "b", "of after": "a"}


class ImageAnalogy(io.ComfyNode):
    """A : A' :: B : B'."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        option = io.DynamicCombo.Option
        coherence = io.Float.Input(
            "coherence",
            default=5.0,
            min=0.0,
            max=50.0,
            step=0.5,
            tooltip="How readily a pixel continues what its neighbor took: 5 to 25 for textures, 2 to 25 for painterly "
            "filters, 0.5 to 2 for line art.",
        )
        weight = io.Float.Input(
            "guide_weight",
            default=4.0,
            min=0.1,
            max=100.0,
            step=0.1,
            tooltip="How much likeness of before and images counts against continuing the strokes: higher follows the picture "
            "more.",
        )
        return io.Schema(
            node_id="StyleAtelierImageAnalogy",
            display_name="Image Analogy",
            category=CATEGORY,
            description="Learns a filter from one example, a picture before and after, and applies it to other pictures: "
            "before is to after as images are to the result. No network, no download.",
            search_aliases=["image analogies", "hertzmann", "learn filter", "before and after", "example based", "patchmatch"],
            inputs=[
                io.Image.Input("before", tooltip="A: the example before the filter, such as a photo."),
                io.Image.Input(
                    "after", tooltip="A': the same picture after it, such as a painting of it. It is resized to before."
                ),
                io.Image.Input("images", tooltip="B: the pictures to which the same is to be done."),
                io.DynamicCombo.Input(
                    "method",
                    options=[
                        option("patches", [weight, patch_input(), uniformity_input(500.0)]),
                        option("scan order", [coherence]),
                    ],
                    tooltip="patches is fast and takes pictures of any size; scan order is the published algorithm, pixel by "
                    "pixel with an exact search, for pictures up to 360x360.",
                ),
                io.Combo.Input(
                    "color",
                    options=list(COLORS),
                    default="of images",
                    tooltip="of images keeps their colors and changes brightness alone, as published; of after takes the "
                    "colors of after.",
                ),
                size_input(),
                mask_input(),
                seed_input(),
            ],
            outputs=[io.Image.Output(display_name="images", tooltip="B': the pictures after the same filter.")],
        )

    @classmethod
    def execute(
        cls,
        before: Tensor,
        after: Tensor,
        images: Tensor,
        method: io.DynamicCombo.Type,
        color: str,
        size: int,
        seed: int,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...models.classical.image_analogy import ScanSettings, analogy, analogy_in_scan_order, check_scan
        from ...models.classical.patch_synthesis import PatchSettings

        a, given = from_image(before, "before"), from_image(after, "after")
        b, filtered = from_image(images, "images").with_shorter_side(size), given.resized(a.height, a.width)
        exact = method["method"] == "scan order"
        for name, picture in (("before", a), ("images", b)):
            check_room(picture, name, 5 if exact else least_side(method["patch"]))
        if exact:
            check_scan((a.height, a.width), (b.height, b.width))

        def work(rgb: Tensor, number: int, device: torch.device, progress: Progress) -> Tensor:
            source, target = (take(x.rgb, number, number + 1).to(device) for x in (a, filtered))
            if exact:
                settings = ScanSettings(coherence=method["coherence"], color=COLORS[color])
                return analogy_in_scan_order(source, target, rgb, settings, progress)
            patches = PatchSettings(uniformity=method["uniformity"], patch=method["patch"], seed=seed)
            return analogy(source, target, rgb, method["guide_weight"], COLORS[color], patches, progress)

        return io.NodeOutput(painted(b, mask, work, a.height * a.width))
