"""What a file seems to be that no architecture here takes, told by the names of its tensors, and one thing to do with it."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

LOADERS = {
    "checkpoint": "put it into models/checkpoints and load it with Load Checkpoint",
    "diffusion": "put it into models/diffusion_models and load it with Load Diffusion Model",
    "lora": "put it into models/loras and load it with Load LoRA (Style Atelier)",
    "controlnet": "put it into models/controlnet and load it with Load ControlNet Model",
    "vae": "put it into models/vae and load it with Load VAE",
    "clip": "put it into models/text_encoders and load it with Load CLIP",
    "vision": "put it into models/clip_vision and load it with Load CLIP Vision",
    "embedding": "put it into models/embeddings and write embedding: and its name into a prompt",
    "upscaler": "put it into models/upscale_models and load it with Load Upscale Model",
    "adapter": "it needs a pack of its own, such as ComfyUI_IPAdapter_plus",
    "motion": "it needs a pack of its own, such as ComfyUI-AnimateDiff-Evolved",
    "faces": "it needs a pack of its own, such as ComfyUI-ReActor",
    "generator": "it only served training: choose the generator's file",
    "whole": "choose the file that has the generator with all its networks",
    "training": "choose the file of the network itself, which lies beside it",
    "perceptual": "it compares pictures and makes none: choose a file of a style network",
    "classifier": "it names what is in pictures and makes none: choose a file of a style network",
    "other": "no node here takes it: choose a file of one of the networks in Load Stylizer, Load Translator or Load Generator",
    "own": "keep its names of layers as their authors have them, or choose another file",
}
# Pieces of tensor names that must all occur somewhere in the file, what has them, and what to do. The first that fits is named.
MARKS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("lora_down",), "a LoRA", "lora"),
    (("lora_A",), "a LoRA", "lora"),
    (("_lora.down.",), "a LoRA", "lora"),
    ((".lora.down.",), "a LoRA", "lora"),
    (("unet:0:up",), "a LoRA", "lora"),
    (("text_encoder:0:up",), "a LoRA", "lora"),
    (("hada_w1",), "a LoHa adapter", "lora"),
    (("lokr_w",), "a LoKr adapter", "lora"),
    (("oft_blocks",), "an OFT adapter", "lora"),
    (("double_blocks.", "single_blocks."), "a FLUX diffusion model", "diffusion"),
    (("model.diffusion_model.", "conditioner.embedders."), "a Stable Diffusion XL checkpoint", "checkpoint"),
    (("model.diffusion_model.joint_blocks.",), "a Stable Diffusion 3 checkpoint", "checkpoint"),
    (("model.diffusion_model.",), "a Stable Diffusion checkpoint", "checkpoint"),
    (("joint_blocks.",), "a Stable Diffusion 3 diffusion model", "diffusion"),
    (("input_hint_block.",), "a ControlNet", "controlnet"),
    (("controlnet_cond_embedding.",), "a ControlNet in the diffusers layout", "controlnet"),
    (("ip_adapter.",), "an IP-Adapter", "adapter"),
    (("image_proj.", "to_k_ip"), "an IP-Adapter", "adapter"),
    (("style_embedding", "transformer_layes."), "a T2I style adapter", "adapter"),
    (("motion_modules.",), "an AnimateDiff motion module", "motion"),
    (("string_to_param",), "a textual inversion embedding", "embedding"),
    (("emb_params",), "a textual inversion embedding", "embedding"),
    (("visual_projection.", "text_projection."), "a CLIP model", "clip"),
    (("text_model.encoder.", "vision_model."), "a CLIP model", "clip"),
    (("text_model.encoder.",), "a CLIP text encoder", "clip"),
    (("vision_model.encoder.",), "a CLIP vision encoder", "vision"),
    (("encoder.block.0.layer.0.SelfAttention",), "a T5 text encoder", "clip"),
    (("model.layers.0.self_attn.q_proj",), "a language model", "clip"),
    (("down_blocks.", "up_blocks.", "mid_block.", "encoder.conv_in"), "a VAE in the diffusers layout", "vae"),
    (("first_stage_model.",), "a VAE", "vae"),
    (("encoder.down.0.", "decoder.up.0."), "a VAE", "vae"),
    (("down_blocks.", "up_blocks.", "time_embedding."), "a diffusion U-Net in the diffusers layout", "diffusion"),
    (("input_blocks.", "output_blocks.", "time_embed."), "a diffusion U-Net", "diffusion"),
    (("blocks.0.cross_attn.", "blocks.0.self_attn."), "a video diffusion model", "diffusion"),
    (("synthesis.", "mapping."), "a StyleGAN generator of a form that this pack does not know", "own"),
    (("convs.0.conv.modulation", "to_rgb1."), "a StyleGAN2 generator of a form that this pack does not know", "own"),
    (("decoder.convs.0.conv.modulation",), "a StyleGAN2 generator inside an encoder's file", "own"),
    (("from_rgb", "final_linear."), "a StyleGAN2 discriminator", "generator"),
    (("RRDB_trunk.",), "an ESRGAN upscaler", "upscaler"),
    (("model.1.sub.",), "an ESRGAN upscaler", "upscaler"),
    ((".rdb1.conv1",), "an ESRGAN upscaler", "upscaler"),
    (("upsampler.0.", "body.0.body.0."), "an EDSR upscaler", "upscaler"),
    (("body.0.weight", "body.1.weight", "body.2.weight"), "a compact upscaler (SRVGG)", "upscaler"),
    (("layers.0.residual_group.",), "a SwinIR upscaler", "upscaler"),
    (("style_conv", "stylegan_decoder"), "a GFPGAN face restorer", "faces"),
    (("quantize.embedding.", "ft_layers."), "a CodeFormer face restorer", "faces"),
    (("cnns.",), "a discriminator of MUNIT or UNIT", "generator"),
    (("cnn_f.", "cnn_c."), "a discriminator of FUNIT", "generator"),
    (("discriminator.main.",), "StarGAN v2's networks of training, with the discriminator and without style averages", "whole"),
    (("generator.from_rgb.",), "a StarGAN v2 generator without its mapping network and style encoder", "whole"),
    (
        ("from_rgb.", "to_rgb.", "decode.0.norm1.fc."),
        "a StarGAN v2 generator without its mapping network and style encoder",
        "whole",
    ),
    (("transformer/contract",), "a pastiche network of magenta of a form that this pack does not know", "own"),
    (("style_params/",), "a style transfer network of magenta of a form that this pack does not know", "own"),
    (("gram.weight", "model1."), "an MSG-Net multi-style network", "other"),
    (("conv1.instance.", "deconv3.conv2d."), "a ReCoNet video style network", "other"),
    (("snet.convs.", "cnet.convs."), "the matrix network of LinearStyleTransfer", "other"),
    (("DenseBlock.", "ConvBlock.0.conv_layer"), "rrmina's fast neural style network with dense blocks", "other"),
    (("conv1.conv2d.", "res1.conv1.conv2d."), "a feed-forward style network (Johnson) with layers of its own", "own"),
    (("merge_conv.", "sanet4_1."), "a SANet style network", "other"),
    (("transformer.encoder.layers.", "embedding"), "a transformer, such as StyTr2's", "other"),
    (("generator/G_MODEL/",), "an AnimeGAN generator of TensorFlow", "other"),
    (("scaling_layer.", "lin0."), "LPIPS, a metric of how alike pictures look", "perceptual"),
    (("lin0.model.", "lin4.model."), "the linear layers of LPIPS, a metric of how alike pictures look", "perceptual"),
    (("Mixed_5b.", "Mixed_7c."), "an Inception network, as FID uses it", "perceptual"),
    (("layer1.0.conv1.", "fc.weight"), "a ResNet classifier", "classifier"),
    (("features.denseblock1.",), "a DenseNet classifier", "classifier"),
    (("blocks.0.attn.qkv.",), "a vision transformer", "classifier"),
    (("features.0.", "classifier."), "a classifier", "classifier"),
    (("module_list.", "yolo"), "a YOLO detector", "classifier"),
    (("backbone.", "roi_heads."), "a detector of objects", "classifier"),
    (("exp_avg",), "the state of an optimizer", "training"),
    (("param_groups",), "the state of an optimizer", "training"),
)
# Names that are typical of a known form: the nearest is the one of which most occur.
TYPICAL: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("CycleGAN's ResNet generator", ("model.1.weight", "model.4.weight", "model.7.weight", "model.10.conv_block.1.weight")),
    ("pix2pix's U-Net", ("model.model.0.weight", "model.model.1.model.1.weight", "model.model.3.weight")),
    ("CartoonGAN", ("conv01_1.weight", "in01_1.scale", "conv02_2.weight", "deconv03_1.weight")),
    ("AnimeGANv2", ("block_a.0.1.weight", "block_c.1.layers.3.weight", "out_layer.0.weight")),
    ("U-GAT-IT", ("gap_fc.weight", "FC.0.weight", "DownBlock.1.weight", "UpBlock2.2.weight")),
    ("StarGAN", ("main.0.weight", "main.3.weight", "main.9.main.0.weight")),
    ("MUNIT", ("enc_style.model.0.conv.weight", "enc_content.model.0.conv.weight", "mlp.model.0.fc.weight")),
    ("fast neural style", ("conv1.conv2d.weight", "res1.conv1.conv2d.weight", "deconv3.conv2d.weight", "in1.weight")),
    ("rrmina's fast neural style", ("ConvBlock.0.conv_layer.weight", "ResidualBlock.0.conv1.conv_layer.weight")),
    ("MicroAST", ("enc1.0.weight", "dec1.conv1.weight", "weight1.0.weight")),
    ("AdaAttN", ("attn_adain_4_1.f.weight", "merge_conv.weight", "decoder_layer_1.1.weight")),
    (
        "a StyleGAN2 or StyleGAN3 generator",
        ("synthesis.b4.const", "synthesis.input.freqs", "mapping.w_avg", "mapping.fc0.weight"),
    ),
    ("rosinality's StyleGAN2", ("input.input", "conv1.conv.modulation.weight", "to_rgb1.conv.weight", "style.1.weight")),
    ("the VGG-19 of AdaIN", ("0.weight", "2.weight", "5.weight", "9.weight", "12.weight")),
    ("VGG of torchvision", ("features.0.weight", "features.2.weight", "features.5.weight")),
)
NEAR = 0.5
SHOWN = 3


def describe(tensors: Mapping[str, Tensor]) -> str | None:
    """What the file seems to be: "a Stable Diffusion checkpoint", or None when its names say nothing."""
    found = _marked(tensors)
    return found and found[0]


def stranger(name: str, tensors: Mapping[str, Tensor]) -> str:
    """The sentence for a file that no architecture takes: what it seems to be or comes nearest to, and one thing to do."""
    found = _marked(tensors)
    if found is not None:
        what, advice = found
        return f"{name} seems to be {what}: {LOADERS[advice]}"
    some = f"its first tensors are {', '.join(list(tensors)[:SHOWN])}"
    near = nearest(tensors)
    if near is None:
        return (
            f"{name} is of no architecture this pack knows ({some}): {LOADERS['other'].removeprefix('no node here takes it: ')}"
        )
    title, missing = near
    return f"{name} comes nearest to {title} and has no {missing} ({some}): {LOADERS['own']}"


def nearest(tensors: Mapping[str, Tensor]) -> tuple[str, str] | None:
    """(the known form of which most typical names occur, the first of them that is missing), None where none comes near."""
    ends = {".".join(key.split(".")[at:]) for key in tensors for at in range(min(key.count(".") + 1, 4))}
    scored = [(sum(mark in ends for mark in marks) / len(marks), title, marks) for title, marks in TYPICAL]
    share, title, marks = max(scored, key=lambda one: one[0])
    if share < NEAR:
        return None
    return title, next((mark for mark in marks if mark not in ends), "layers of that form alone")


def _marked(tensors: Mapping[str, Tensor]) -> tuple[str, str] | None:
    names = "\n".join(tensors)
    return next(((what, advice) for marks, what, advice in MARKS if all(mark in names for mark in marks)), None)
