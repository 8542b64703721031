"""StyleID from its parts: a latent's way into noise, and painting with queries, keys and values along such ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..host.feedback import show
from ..host.images import from_mask, read_weights, slots
from ..host.sockets import ConditioningSocket, LatentSocket, ModelSocket, TrajectorySocket
from ..host.widgets import grown, proportions
from .sampling import Steps, check_conditioning
from .stable_diffusion import needs_comfyui
from .styleid import brought_back, inverted, painted, told
from .unets import attention_blocks, check_unet, family, fine_output_blocks, latent_of, samples_of

if TYPE_CHECKING:
    from ...models.diffusion.blocks import Block
    from ...models.diffusion.trajectory import Trajectory

CATEGORY = "Style Atelier/diffusion"
WHAT = "StyleID"
EMPTY_PROMPT = "Of an empty prompt, from CLIP Text Encode with the model's own CLIP."
BLOCKS_TOOLTIP = (
    "Whose self-attention is changed, such as output 6-11. Empty takes the output blocks behind the coarsest: output 6-11 in "
    "SD1.5, as in the paper, and output 3-5, their counterpart, in SDXL."
)


class InvertLatent(io.ComfyNode):
    """MODEL, LATENT -> ATELIER_TRAJECTORY."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierInvertLatent",
            display_name="Invert Latent",
            category=CATEGORY,
            description="Finds the noise that a picture would come from, and every step of the way there: what Style Injection "
            "takes a photo's drawing and a painting's style from.",
            search_aliases=["ddim inversion", "invert image", "noise inversion", "styleid", "unsampler", "style transfer sd"],
            inputs=[
                ModelSocket.Input("model", tooltip="SD1.5, or SDXL, for which this was not published."),
                ConditioningSocket.Input("conditioning", tooltip=EMPTY_PROMPT),
                LatentSocket.Input("latent", tooltip="The picture, from VAE Encode, or a batch."),
                io.Int.Input(
                    "steps",
                    default=50,
                    min=2,
                    max=500,
                    step=1,
                    tooltip="Steps into noise: 50 as published. Fewer are faster and lose more of the picture.",
                ),
                io.Boolean.Input(
                    "measure_error",
                    default=False,
                    advanced=True,
                    tooltip="Also go the way back, and report how much of the picture is lost on it. Takes as long again.",
                ),
            ],
            outputs=[
                TrajectorySocket.Output(display_name="trajectory", tooltip="For Style Injection."),
                io.String.Output(display_name="report", tooltip="Steps and memory, and the error if it was measured."),
            ],
        )

    @classmethod
    def execute(cls, model: Any, conditioning: Any, latent: Any, steps: int, measure_error: bool) -> io.NodeOutput:
        needs_comfyui("Invert Latent")
        check_unet(model, WHAT)
        check_conditioning(conditioning, model)
        latents = samples_of(latent, model, "latent")
        made = inverted(model, conditioning, latents, steps, Steps(model, steps * (1 + measure_error)), measure_error)
        loss = "" if made.error is None else f"; the way back loses {made.error:.2%} of the latent"
        report = f"{made!r}, {made.bytes / 1024**2:.1f} MiB{loss}"
        show(report)
        return io.NodeOutput(made, report)


class StyleInjection(io.ComfyNode):
    """MODEL, trajectories of a photo and of paintings -> LATENT."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        share = {"min": 0.0, "max": 1.0, "step": 0.01}
        return io.Schema(
            node_id="StyleAtelierStyleInjection",
            display_name="Style Injection",
            category=CATEGORY,
            description="Paints a photo in a painting's style with Stable Diffusion, without training and without a prompt "
            "(StyleID): the photo asks, in the words of attention, and the painting answers.",
            search_aliases=[
                "styleid",
                "style transfer sd",
                "attention injection",
                "training free style transfer",
                "style reference",
            ],
            inputs=[
                ModelSocket.Input("model", tooltip="The model that made the trajectories."),
                TrajectorySocket.Input("content", tooltip="The photo's, from Invert Latent; it gives the drawing."),
                grown(
                    "styles",
                    TrajectorySocket,
                    "style",
                    "A painting's, from Invert Latent, of the same size and steps. A socket for the next appears as you connect.",
                    least=1,
                    most=4,
                    optional=False,
                ),
                proportions("style_weights", "style"),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    **share,
                    tooltip="How much of it all: 0 gives the photo back, up to what its way into noise loses.",
                ),
                io.Float.Input(
                    "gamma",
                    default=0.75,
                    **share,
                    tooltip="How much of the photo's own queries is kept. Lower paints more freely: 0.3 has more style.",
                ),
                io.Float.Input(
                    "temperature",
                    default=1.5,
                    min=0.1,
                    max=10.0,
                    step=0.05,
                    tooltip="How sharply attention picks from the painting. The paper's 1.5 makes up for queries and keys of "
                    "different pictures.",
                ),
                io.String.Input("blocks", default="", advanced=True, tooltip=BLOCKS_TOOLTIP),
                grown(
                    "masks",
                    io.Mask,
                    "mask",
                    "Where each style goes in the photo, one mask for each style; elsewhere the photo stays as it is.",
                    most=4,
                ),
            ],
            outputs=[
                LatentSocket.Output(display_name="latent", tooltip="For VAE Decode."),
                io.String.Output(display_name="report", tooltip="Blocks, settings, memory, and the error of the way back."),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        content: Any,
        styles: Any,
        style_weights: str,
        strength: float,
        gamma: float,
        temperature: float,
        blocks: str,
        masks: Any = None,
    ) -> io.NodeOutput:
        from ...models.diffusion.injection import Injection
        from ...models.diffusion.trajectory import lost

        needs_comfyui("Style Injection")
        check_unet(model, WHAT)
        ways = [check_way(way, f"style{slot}", model, content) for slot, way in slots(styles, "style").items()]
        if not ways:
            raise ValueError("styles holds no trajectory: connect Invert Latent to it")
        given = slots(masks, "mask")
        if given and len(given) != len(ways):
            raise ValueError(f"masks holds {len(given)} masks for {len(ways)} styles: connect one for each style, or none")
        wanted = Injection(
            gamma,
            temperature,
            strength,
            read_weights(style_weights, len(ways), "style_weights"),
            tuple(from_mask(mask, f"mask{slot}", content.batch) for slot, mask in given.items()),
        )
        chosen = blocks_of(model, blocks)
        steps = Steps(model, len(content.timesteps) - 1)
        if not strength:
            back = brought_back(model, content, steps)
            report = f"strength 0: the photo, of which its way into noise and back loses {lost(back, content.latents):.2%}"
            show(report)
            return io.NodeOutput(latent_of(back, model), report)
        made = painted(model, content, ways, wanted, chosen, steps)
        report = "\n".join(told(content, ways, wanted, chosen))
        show(report)
        return io.NodeOutput(latent_of(made, model), report)


def blocks_of(model: Any, text: str) -> tuple[Block, ...]:
    """The blocks that are written, or those of the paper and their counterparts. Raises ValueError with one sentence."""
    from ...models.diffusion.blocks import read_blocks

    return read_blocks(text, tuple(attention_blocks(model)), fine_output_blocks(model))


def check_way(way: Any, name: str, model: Any, content: Any) -> Trajectory:
    """A style's trajectory that goes with the content's. Raises ValueError with one sentence."""
    from ...models.diffusion.trajectory import Trajectory

    for each, called in ((content, "content"), (way, name)):
        if not isinstance(each, Trajectory):
            raise ValueError(f"{called} is not a trajectory (it is {type(each).__name__}): connect Invert Latent to it")
        if each.family != family(model):
            raise ValueError(f"{called} was made with {each.family} and model is {family(model)}: use one model for all")
    if way.timesteps != content.timesteps:
        raise ValueError(f"{name} has {len(way.timesteps)} steps and content {len(content.timesteps)}: invert both with as many")
    if way.end.shape[1:] != content.end.shape[1:]:
        sizes = [f"{x.end.shape[-1]}x{x.end.shape[-2]}" for x in (way, content)]
        raise ValueError(
            f"{name} is a latent of {sizes[0]} and content of {sizes[1]}: scale the pictures to one size before VAE Encode"
        )
    if way.batch not in (1, content.batch):
        raise ValueError(f"{name} holds {way.batch} pictures and content {content.batch}: give one, or as many")
    return way
