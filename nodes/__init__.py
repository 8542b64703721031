"""The pack's nodes: the one list of classes, and what ComfyUI calls when it loads them."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from . import _host
from ._explorer_routes import register_explorer
from ._weights_routes import register_routes
from .color import KeepColor
from .compare_stylizers import CompareStylizers
from .controlnext import ControlNeXtWeights, LoadControlNeXt
from .directions import Directions, EditW
from .faces import FaceCrop, PasteFace
from .features import WCT, AdaIN, BlendFeatures, Decode, Encode
from .latent_files import LoadW, SaveW
from .latents import BlendW, MixW, SampleW, TruncateW, WalkW
from .loaders import LoadDecoder, LoadEncoder, LoadGenerator, LoadStylizer, LoadTranslator
from .lora import LoadLora, LoraInfo, MergeLora
from .measures import LinearSeparability, PerceptualPathLength
from .neural_style import NeuralStyle
from .objectives import CombineObjectives, ContentObjective, SmoothnessObjective
from .optimize import Optimize
from .project import Project
from .style_codes import BlendStyleCodes, FaceAttributes, InterpolateStyleCodes, StyleCode
from .style_files import LoadStyle, SaveStyle
from .style_objectives import PatchObjective, StyleObjective
from .styles import BlendStyles, EncodeStyle, ExchangeStyles, InterpolateStyles
from .stylize import Stylize
from .stylize_video import StylizeVideo
from .synthesize import Synthesize
from .temporal import TemporalError
from .text_objective import TextObjective
from .translate import Translate

NODES: list[type[io.ComfyNode]] = [
    Stylize,
    LoadStylizer,
    KeepColor,
    LoadEncoder,
    Encode,
    AdaIN,
    WCT,
    BlendFeatures,
    LoadDecoder,
    Decode,
    Translate,
    LoadTranslator,
    StyleCode,
    FaceAttributes,
    BlendStyleCodes,
    InterpolateStyleCodes,
    FaceCrop,
    PasteFace,
    Synthesize,
    LoadGenerator,
    SampleW,
    TruncateW,
    MixW,
    BlendW,
    WalkW,
    Directions,
    EditW,
    Project,
    SaveW,
    LoadW,
    PerceptualPathLength,
    LinearSeparability,
    LoadLora,
    LoraInfo,
    MergeLora,
    LoadControlNeXt,
    ControlNeXtWeights,
    NeuralStyle,
    Optimize,
    ContentObjective,
    StyleObjective,
    PatchObjective,
    SmoothnessObjective,
    CombineObjectives,
    TextObjective,
    EncodeStyle,
    BlendStyles,
    InterpolateStyles,
    ExchangeStyles,
    SaveStyle,
    LoadStyle,
    StylizeVideo,
    CompareStylizers,
    TemporalError,
]


class StyleAtelier(ComfyExtension):
    """The pack as the host sees it."""

    async def on_load(self) -> None:
        """Tell the host about the model folder and the page's routes."""
        _host.register_folder()
        register_routes()
        register_explorer()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """Every node class, in the order of the documentation."""
        return NODES


async def comfy_entrypoint() -> StyleAtelier:
    """Called by ComfyUI once, after importing the pack."""
    return StyleAtelier()
