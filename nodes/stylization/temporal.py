"""Temporal Error: how steady a stylized clip is, as numbers and a curve."""

from __future__ import annotations

import torch
from comfy_api.latest import io
from torch import Tensor

from ...models.metrics.temporal import FLOW_SIDE
from ..host.drawing import curve, from_pillow
from ..host.feedback import Watch, show
from ..host.images import from_image, to_image, wire_format
from ..host.memory import compute

FLOW_BYTES_PER_PIXEL = 400


class TemporalError(io.ComfyNode):
    """A clip and its stylized frames -> the warping error."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierTemporalError",
            display_name="Temporal Error",
            category="Style Atelier/measures",
            description="Measures how steady a stylized clip is: each frame is brought back along the motion of the source "
            "clip and compared with the one before. Lower is steadier; 0 is no flicker at all.",
            search_aliases=["warping error", "flicker", "temporal consistency", "optical flow", "video metric", "e_warp"],
            inputs=[
                io.Image.Input("source", tooltip="The frames before, from Get Video Components. They give the motion."),
                io.Image.Input("stylized", tooltip="The frames after, as many. The source is resized to their size."),
                io.Int.Input(
                    "apart",
                    default=1,
                    min=1,
                    max=100,
                    step=1,
                    tooltip="How many frames lie between the two that are compared: 1 finds flicker, 10 and more slow drift.",
                ),
                io.Float.Input(
                    "cut_sensitivity",
                    default=1.0,
                    min=0.0,
                    max=4.0,
                    step=0.05,
                    advanced=True,
                    tooltip="How readily a jump is taken for a cut, across which nothing is compared: 1 is usual, 0 finds none.",
                ),
                io.Int.Input(
                    "flow_size",
                    default=FLOW_SIDE,
                    min=32,
                    max=2048,
                    step=16,
                    advanced=True,
                    tooltip="Longer side in pixels at which the motion is found. Larger sees finer motion and takes longer.",
                ),
            ],
            outputs=[
                io.Float.Output(
                    display_name="error", tooltip="The mean warping error: squared difference of what both frames show."
                ),
                io.Float.Output(
                    display_name="static_error",
                    tooltip="The deviation of each point over time, averaged: the flicker of a scene in which nothing moves.",
                ),
                io.Image.Output(display_name="curve", tooltip="The error of each pair of frames, with cuts as dashed lines."),
                io.String.Output(display_name="report", tooltip="The numbers of all pairs, for Preview Any."),
            ],
        )

    @classmethod
    def execute(cls, source: Tensor, stylized: Tensor, apart: int, cut_sensitivity: float, flow_size: int) -> io.NodeOutput:
        from ...models.metrics.temporal import static_error, warping_error
        from ...models.video.scenes import scene_cuts

        made, before = from_image(stylized, "stylized"), from_image(source, "source")
        if before.batch != made.batch:
            raise ValueError(f"source has {before.batch} frames and stylized {made.batch}: connect clips of the same length.")
        if made.batch <= apart:
            raise ValueError(f"stylized has {made.batch} frames and apart is {apart}: connect a longer clip, or set apart lower.")
        before = before.resized(made.height, made.width)
        cuts = scene_cuts(before.rgb, cut_sensitivity) if cut_sensitivity else []
        watch = Watch()

        def work(device: torch.device) -> tuple[list[float], list[float], float, float]:
            frames = made.rgb.to(device)
            found = warping_error(before.rgb.to(device), frames, cuts, apart, flow_size, watch.part(0))
            return found.errors.tolist(), found.visible.tolist(), found.mean, static_error(frames)

        memory = FLOW_BYTES_PER_PIXEL * made.height * made.width + 2 * made.rgb.numel() * made.rgb.element_size()
        errors, visible, mean, still = compute(work, memory)
        scenes = f", {len(cuts) + 1} scenes" if cuts else ""
        head = [
            f"warping error {mean:.3g} over {len(errors)} pairs{scenes}",
            f"static error {still:.3g} (of meaning where nothing moves)",
        ]
        starts = [t for t in range(made.batch - apart) if not any(t < cut <= t + apart for cut in cuts)]
        pairs = [
            f"{t} to {t + apart}: {error:.3g}, {share:.0%} seen in both"
            for t, error, share in zip(starts, errors, visible, strict=True)
        ]
        show("\n".join(head))
        breaks = [sum(start < cut for start in starts) for cut in cuts]
        picture = from_pillow(curve(errors, breaks, f"warping error, mean {mean:.3g}"))
        return io.NodeOutput(mean, still, to_image(picture, None, *wire_format()), "\n".join([*head, *pairs]))
