"""Sixty files of other programs, with the sentence that each gets: what it seems to be, and one thing to do."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import pytest
import torch

from style_atelier.models.library import known_files
from style_atelier.models.library.foreign import LOADERS, MARKS
from style_atelier.models.library.registry import open_checkpoint
from style_atelier.models.weights.errors import WeightsError
from style_atelier.tests.families.translator_files import small

UNET = "model.diffusion_model.input_blocks.0.0.weight"
# names of tensors -> what is said
TENSORS: dict[str, tuple[list[str], str]] = {
    "kohya LoRA": (["lora_unet_x.lora_down.weight", "lora_unet_x.lora_up.weight"], "a LoRA: put it into models/loras"),
    "PEFT LoRA": (["unet.a.to_q.lora_A.weight", "unet.a.to_q.lora_B.weight"], "Load LoRA (Style Atelier)"),
    "diffusers' oldest LoRA": (["a.processor.to_q_lora.down.weight", "a.processor.to_q_lora.up.weight"], "a LoRA"),
    "diffusers LoRA": (["unet.a.to_q.lora.down.weight", "unet.a.to_q.lora.up.weight"], "a LoRA"),
    "cloneofsimo LoRA": (["unet:0:up", "unet:0:down"], "a LoRA"),
    "cloneofsimo text LoRA": (["text_encoder:0:up", "text_encoder:0:down"], "a LoRA"),
    "LoHa": (["lora_unet_x.hada_w1_a", "lora_unet_x.hada_w1_b"], "a LoHa adapter"),
    "LoKr": (["lora_unet_x.lokr_w1", "lora_unet_x.lokr_w2"], "a LoKr adapter"),
    "OFT": (["lora_unet_x.oft_blocks"], "an OFT adapter"),
    "LoRA of FLUX": (["lora_unet_double_blocks.0.x.lora_down.weight", "single_blocks.0.lora_up.weight"], "a LoRA"),
    "FLUX": (["double_blocks.0.img_attn.qkv.weight", "single_blocks.0.linear1.weight"], "Load Diffusion Model"),
    "SDXL": ([UNET, "conditioner.embedders.0.x.weight"], "a Stable Diffusion XL checkpoint"),
    "SD3": (["model.diffusion_model.joint_blocks.0.x.weight"], "a Stable Diffusion 3 checkpoint"),
    "SD1.5": ([UNET, "first_stage_model.encoder.x.weight", "cond_stage_model.x.weight"], "load it with Load Checkpoint"),
    "SD3 transformer": (["joint_blocks.0.x.weight"], "a Stable Diffusion 3 diffusion model"),
    "ControlNet": (["input_hint_block.0.weight", "control_model.x"], "Load ControlNet Model"),
    "ControlNet of diffusers": (["controlnet_cond_embedding.conv_in.weight"], "a ControlNet in the diffusers layout"),
    "IP-Adapter": (["image_proj.proj.weight", "ip_adapter.1.to_k_ip.weight"], "an IP-Adapter"),
    "AnimateDiff": (["down_blocks.0.motion_modules.0.x.weight"], "an AnimateDiff motion module"),
    "textual inversion": (["string_to_param.*"], "put it into models/embeddings"),
    "embedding": (["emb_params"], "a textual inversion embedding"),
    "CLIP": (["text_model.encoder.layers.0.x", "vision_model.encoder.layers.0.x"], "a CLIP model"),
    "CLIP-L": (["text_model.encoder.layers.0.x"], "a CLIP text encoder"),
    "CLIP vision": (["vision_model.encoder.layers.0.x"], "Load CLIP Vision"),
    "T5": (["encoder.block.0.layer.0.SelfAttention.q.weight"], "a T5 text encoder"),
    "Llama": (["model.layers.0.self_attn.q_proj.weight"], "a language model"),
    "VAE of diffusers": (
        ["encoder.conv_in.weight", "encoder.down_blocks.0.x", "decoder.up_blocks.0.x", "decoder.mid_block.x"],
        "a VAE",
    ),
    "VAE": (["encoder.down.0.block.0.conv1.weight", "decoder.up.0.block.0.conv1.weight"], "load it with Load VAE"),
    "UNet of diffusers": (
        ["down_blocks.0.x", "up_blocks.0.x", "time_embedding.linear_1.weight"],
        "a diffusion U-Net in the diffusers",
    ),
    "UNet": (["input_blocks.0.0.weight", "output_blocks.0.0.weight", "time_embed.0.weight"], "a diffusion U-Net"),
    "Wan": (["blocks.0.cross_attn.k.weight", "blocks.0.self_attn.k.weight"], "a video diffusion model"),
    "ESRGAN": (["RRDB_trunk.0.RDB1.conv1.weight"], "Load Upscale Model"),
    "ESRGAN old": (["model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight"], "an ESRGAN upscaler"),
    "Real-ESRGAN": (["body.0.rdb1.conv1.weight", "conv_first.weight"], "an ESRGAN upscaler"),
    "SRVGG": (["body.0.weight", "body.1.weight", "body.2.weight"], "a compact upscaler (SRVGG)"),
    "SwinIR": (["layers.0.residual_group.blocks.0.norm1.weight"], "a SwinIR upscaler"),
    "GFPGAN": (["stylegan_decoder.style_conv1.weight", "style_convs.0.weight"], "a GFPGAN face restorer"),
    "CodeFormer": (["quantize.embedding.weight", "ft_layers.0.x"], "a CodeFormer face restorer"),
    "discriminator of MUNIT": (["cnns.0.0.conv.weight", "cnns.0.1.conv.weight"], "choose the generator's file"),
    "discriminator of FUNIT": (["cnn_f.0.x", "cnn_c.0.x"], "a discriminator of FUNIT"),
    "StarGAN v2 of training": (["discriminator.main.0.weight", "generator.from_rgb.weight"], "the file that has the generator"),
    "StarGAN v2 generator alone": (["generator.from_rgb.weight", "generator.to_rgb.2.weight"], "without its mapping network"),
    "StyleGAN2 discriminator": (["b64.fromrgb.weight", "from_rgb.weight", "final_linear.0.weight"], "a StyleGAN2 discriminator"),
    "StyleGAN of another form": (["synthesis.L0.weight", "mapping.layer0.weight"], "of a form that this pack does not know"),
    "pastiche of another form": (["transformer/contract/conv1/kernel", "x/gamma"], "a pastiche network of magenta"),
    "MSG-Net": (["gram.weight", "model1.0.conv2d.weight", "model.1.x"], "an MSG-Net multi-style network"),
    "ReCoNet": (["conv1.conv2d.weight", "conv1.instance.weight", "deconv3.conv2d.weight"], "a ReCoNet video style network"),
    "LinearStyleTransfer": (["snet.convs.0.weight", "cnet.convs.0.weight", "compress.weight"], "LinearStyleTransfer"),
    "rrmina's dense network": (["ConvBlock.0.conv_layer.weight", "DenseBlock.0.x.weight"], "with dense blocks"),
    "fast neural style with layers of its own": (
        ["conv1.conv2d.weight", "res1.conv1.conv2d.weight", "res1.attention.weight"],
        "a feed-forward style network (Johnson) with layers of its own",
    ),
    "SANet": (["merge_conv.weight", "sanet4_1.f.weight"], "a SANet style network"),
    "AnimeGAN of TensorFlow": (["generator/G_MODEL/A/Conv/weights"], "an AnimeGAN generator of TensorFlow"),
    "LPIPS": (["scaling_layer.shift", "lin0.model.1.weight", "lin4.model.1.weight"], "a metric of how alike pictures look"),
    "linear layers of LPIPS": (["lin0.model.1.weight", "lin4.model.1.weight"], "the linear layers of LPIPS"),
    "Inception": (["Mixed_5b.branch1x1.conv.weight", "Mixed_7c.branch1x1.conv.weight"], "an Inception network"),
    "ResNet": (["layer1.0.conv1.weight", "fc.weight"], "a ResNet classifier"),
    "DenseNet": (["features.denseblock1.denselayer1.conv1.weight", "classifier.weight"], "a DenseNet classifier"),
    "ViT": (["blocks.0.attn.qkv.weight"], "a vision transformer"),
    "detector": (["backbone.body.conv1.weight", "roi_heads.box.weight"], "a detector of objects"),
    "optimizer": (["state.0.exp_avg", "state.0.exp_avg_sq"], "the file of the network itself"),
    "nearly CycleGAN": (
        ["model.1.weight", "model.4.weight", "model.7.weight", "model.10.block.conv.weight"],
        "comes nearest to CycleGAN's ResNet generator and has no model.10.conv_block.1.weight",
    ),
    "nearly U-GAT-IT": (["gap_fc.weight", "DownBlock.1.weight", "FC.0.weight", "Up.2.weight"], "comes nearest to U-GAT-IT"),
    "nothing known": (["thing.weight", "other.bias"], "its first tensors are"),
}


def archived(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return made.getvalue()


# (name, content) -> what is said
BYTES: dict[str, tuple[str, bytes, str]] = {
    "ncnn": ("candy.param", b"7767517\n37 38\nInput image 0 1 image\n", "an ncnn model"),
    "TensorFlow Lite": ("style.tflite", b"\x1c\0\0\0TFL3" + bytes(64), "a TensorFlow Lite model"),
    "Keras": ("model.h5", b"\x89HDF\r\n\x1a\n" + bytes(64), "a Keras or HDF5 file"),
    "Keras archive": ("model.keras", archived("config.json", "model.weights.h5"), "a Keras archive"),
    "frozen graph": ("frozen.pb", b"\x0a\x2f\x0a\x05image\x12\x0bPlaceholder" + bytes(64), "a frozen TensorFlow graph"),
    "SavedModel": ("saved_model.pb", b"\x08\x01\x12\xff\x04\x0a" + bytes(64), "SavedModel"),
    "GGUF": ("llama.gguf", b"GGUF\x03\0\0\0" + bytes(64), "a GGUF model"),
    "PNG": ("candy.pth", b"\x89PNG\r\n\x1a\n" + bytes(64), "a PNG picture"),
    "JPEG": ("candy.pth", b"\xff\xd8\xff\xe0" + bytes(64), "a JPEG picture"),
    "video": ("clip.pth", b"\0\0\0\x20ftypisom" + bytes(64), "a video"),
    "RAR": ("weights.pth", b"Rar!\x1a\x07\x01\0" + bytes(64), "a RAR archive"),
    "7z": ("weights.pth", b"7z\xbc\xaf\x27\x1c" + bytes(64), "a 7z archive"),
    "gzip": ("weights.tar", b"\x1f\x8b\x08\0" + bytes(64), "a gzip archive"),
    "tar": ("weights.tar", bytes(257) + b"ustar\x0000" + bytes(300), "a tar archive"),
    "zip with weights": ("weights.pth", archived("a/candy.pth", "readme.txt"), "an archive with a/candy.pth"),
    "NumPy arrays": ("weights.pth", archived("a.npy", "b.npy"), "NumPy arrays"),
    "Torch7": ("candy.t7", b"\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1\x0d\0\0\0nn.Sequential", "a Torch7 (Lua) file"),
    "Core ML": ("style.mlmodel", b"\x08\x04\x12\x40" + bytes(64), "a Core ML model"),
    "TensorRT": ("style.engine", b"ftrt" + bytes(64), "a TensorRT engine"),
    "MATLAB": ("vgg.pth", b"MATLAB 5.0 MAT-file" + bytes(100), "a MATLAB file"),
    "settings": ("config.json", json.dumps({"architectures": ["X"]}).encode(), "settings, not weights"),
    "a program": ("setup.pth", b"MZ\x90\0" + bytes(64), "a Windows program"),
}


def refusal(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        open_checkpoint(path)
    return str(caught.value)


@pytest.mark.parametrize("name", TENSORS)
def test_files_of_tensors(name: str, tmp_path: Path) -> None:
    names, said = TENSORS[name]
    path = tmp_path / "their_file.pth"
    torch.save({key: torch.zeros(2, 2) for key in names}, path)
    words = refusal(path)
    assert said in words, words
    assert words.startswith("their_file.pth ")
    assert "\n" not in words
    assert len(words) < 300


@pytest.mark.parametrize("name", BYTES)
def test_files_of_bytes(name: str, tmp_path: Path) -> None:
    file, content, said = BYTES[name]
    path = tmp_path / file
    path.write_bytes(content)
    words = refusal(path)
    assert said in words, words
    assert "\n" not in words


def test_there_are_sixty() -> None:
    assert len(TENSORS) + len(BYTES) >= 60
    assert all(advice in LOADERS for _, _, advice in MARKS)


def test_what_is_known_of_own_files(tmp_path: Path) -> None:
    outside = tmp_path / "outside.pth"
    folder = tmp_path / "style_atelier"
    (folder / "mine").mkdir(parents=True)
    torch.save(small("cyclegan-resnet"), folder / "mine" / "painter.pth")
    torch.save({"lora_unet_x.lora_down.weight": torch.zeros(2, 2)}, folder / "lora.pth")
    torch.save(small("cyclegan-resnet"), outside)
    (folder / "link.pth").symlink_to(outside)
    (folder / "notes.txt").write_text("x")
    assert known_files.read_known(folder) == {}
    path = folder / "mine" / "painter.pth"
    assert known_files.loadable({}, "mine/painter.pth", path, "stylizer")  # nobody has looked yet
    found = known_files.look([folder])
    assert found.keys() == {"mine/painter.pth", "lora.pth"}
    assert found["mine/painter.pth"].kinds == ("translator",)
    assert found["mine/painter.pth"].words.startswith("CycleGAN (translator), width 4, blocks 6, inputs 3")
    assert found["lora.pth"].kinds == ()
    assert found["lora.pth"].words.startswith("lora.pth seems to be a LoRA")
    assert str(tmp_path) not in found["lora.pth"].words
    assert known_files.read_known(folder) == found
    assert known_files.loadable(found, "mine/painter.pth", path, "translator")
    assert not known_files.loadable(found, "mine/painter.pth", path, "stylizer")
    assert not known_files.loadable(found, "lora.pth", folder / "lora.pth", "translator")
    os.utime(path, ns=(5, 5))
    assert known_files.loadable(found, "mine/painter.pth", path, "stylizer")
    assert not list(folder.rglob("*converted*"))


def test_a_damaged_note_is_no_note(tmp_path: Path) -> None:
    for text in ("", "[]", "{", '{"version": 0, "files": {}}', '{"version": 1, "files": {"a": 1}}'):
        (tmp_path / known_files.KEPT).write_text(text)
        assert known_files.read_known(tmp_path) == {}
    assert known_files.look([]) == {}
