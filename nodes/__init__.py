"""The pack's nodes: the one list of classes, and what ComfyUI calls when it loads them."""

from __future__ import annotations

import torch
from comfy_api.latest import ComfyExtension, io

from .classical.image_analogy import ImageAnalogy
from .classical.paint_strokes import PaintStrokes
from .classical.propagate_keyframes import PropagateKeyframes
from .classical.render_strokes import RenderStrokes
from .classical.style_filter import StyleFilter
from .classical.stylize_by_example import StylizeByExample
from .classical.synthesize_texture import SynthesizeTexture
from .classical.texture_transfer import TextureTransfer
from .diffusion.attention_objective import AttentionObjective
from .diffusion.controlnext import ControlNeXtWeights, LoadControlNeXt
from .diffusion.deadiff import ApplyDEADiff, LoadDEADiff
from .diffusion.lora import LoadLora, LoraInfo, MergeLora
from .diffusion.optimize_latent import OptimizeLatent
from .diffusion.style_guidance import StyleGuidance
from .diffusion.style_injection import InvertLatent, StyleInjection
from .diffusion.style_noise import StyleNoise
from .diffusion.style_transfer import StyleTransferSD
from .generation.directions import Directions, EditW
from .generation.latent_files import LoadW, SaveW
from .generation.latents import BlendW, MixW, SampleW, TruncateW, WalkW
from .generation.loader import LoadGenerator
from .generation.measures import LinearSeparability, PerceptualPathLength
from .generation.project import Project
from .generation.synthesize import Synthesize
from .host.folders import register_folder, sweep_folders
from .host.guard import guarded
from .host.versions import check_torch
from .measures.pair import MeasurePair
from .measures.rank import RankStylizers
from .measures.report import MakeReport
from .measures.sets import MeasureSets
from .optimization.neural_style import NeuralStyle
from .optimization.objectives import CombineObjectives, ContentObjective, SmoothnessObjective
from .optimization.optimize import Optimize
from .optimization.optimize_strokes import OptimizeStrokes
from .optimization.style_objectives import PatchObjective, StyleObjective
from .optimization.text_objective import TextObjective
from .page.explorer_routes import register_explorer
from .page.keep_routes import register_keep
from .page.weights_routes import register_routes
from .stylization.color import KeepColor
from .stylization.compare_stylizers import CompareStylizers
from .stylization.features import WCT, AdaIN, BlendFeatures, Decode, Encode
from .stylization.loaders import LoadDecoder, LoadEncoder, LoadStylizer
from .stylization.style_files import LoadStyle, SaveStyle
from .stylization.styles import BlendStyles, EncodeStyle, ExchangeStyles, InterpolateStyles
from .stylization.stylize import Stylize
from .stylization.stylize_video import StylizeVideo
from .stylization.temporal import TemporalError
from .training.picture_set import PictureSet
from .training.routes import register_training
from .training.train_stylizer import TrainStylizer
from .translation.faces import FaceCrop, PasteFace
from .translation.loader import LoadTranslator
from .translation.style_codes import BlendStyleCodes, FaceAttributes, InterpolateStyleCodes, StyleCode
from .translation.translate import Translate

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
    StyleTransferSD,
    InvertLatent,
    StyleInjection,
    AttentionObjective,
    OptimizeLatent,
    StyleGuidance,
    StyleNoise,
    LoadDEADiff,
    ApplyDEADiff,
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
    PaintStrokes,
    RenderStrokes,
    OptimizeStrokes,
    StyleFilter,
    ImageAnalogy,
    StylizeByExample,
    PropagateKeyframes,
    SynthesizeTexture,
    TextureTransfer,
    MeasurePair,
    MeasureSets,
    RankStylizers,
    MakeReport,
    PictureSet,
    TrainStylizer,
]


class StyleAtelier(ComfyExtension):
    """The pack as the host sees it."""

    async def on_load(self) -> None:
        """Tell the host about the model folder and the page's routes. Raises RuntimeError for a PyTorch that is too old."""
        check_torch(torch.__version__)
        register_folder()
        sweep_folders()
        register_routes()
        register_keep()
        register_explorer()
        register_training()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """Every node class, in the order of the documentation."""
        return [guarded(node) for node in NODES]


async def comfy_entrypoint() -> StyleAtelier:
    """Called by ComfyUI once, after importing the pack."""
    return StyleAtelier()
