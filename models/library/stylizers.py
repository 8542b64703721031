"""Names that people choose in a loader node, and the encoders, decoders and stylizers behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from torch import nn

from .. import families
from ..decoders.decoder import Decoder
from ..decoders.inverse_vgg import InverseVGG
from ..encoders.encoder import Encoder
from ..encoders.filter_bank import filter_bank
from ..encoders.vgg import VGG
from ..stylization.stylizer import Stylizer
from ..weights.catalogue import Entry, load_catalogue
from ..weights.errors import CheckpointError
from . import classical
from .choices import FILTER_BANK, POCKET, POCKET_VGG, Locate, catalogued_decoders, entry_of, names_without_network
from .misfits import several, wrong_kind
from .registry import Checkpoint, architecture, open_checkpoint

ADAIN_DECODER = "adain-decoder"
POCKET_VGG_FILE = Path(__file__).parents[1] / "encoders" / "pocket_vgg.safetensors"


def load_encoder(choice: str, locate: Locate) -> Encoder:
    """The encoder behind a name. Raises WeightsError when its file is missing, damaged or something else."""
    if choice == POCKET:
        return families.pocket.as_encoder(_built_in_pocket())
    if choice == FILTER_BANK:
        return filter_bank()
    if choice == POCKET_VGG:
        network = as_encoder(open_checkpoint(POCKET_VGG_FILE)).module
        assert isinstance(network, VGG)
        return Encoder("pocket-vgg", "Pocket VGG", network, network, ["relu1_1", "relu2_1", "relu3_1", "relu4_1"])
    entry = entry_of(choice)
    if entry is None:
        return as_encoder(open_checkpoint(locate.file(choice)))
    return as_encoder(open_checkpoint(locate.fetch(entry.files[0]), entry.architecture))


def load_decoder(choice: str, locate: Locate) -> Decoder:
    """The decoder behind a name. Raises WeightsError when its file is missing, damaged or something else."""
    if choice == POCKET:
        return families.pocket.as_decoder(_built_in_pocket())
    spec = catalogued_decoders().get(choice)
    return as_decoder(open_checkpoint(locate.file(choice) if spec is None else locate.fetch(spec)))


def load_stylizer(choice: str, locate: Locate) -> Stylizer:
    """The stylizer behind a name. Raises WeightsError when its file is missing, damaged or something else."""
    if choice == POCKET:
        return families.pocket.stylizer(_built_in_pocket())
    if choice in names_without_network():
        return classical.stylizer(choice)
    entry = entry_of(choice)
    if entry is None:
        path = locate.file(choice)
        checkpoint = with_predictor(open_checkpoint(path), families.ghiasi.predictor_beside(path))
        if checkpoint.architecture == ADAIN_DECODER:
            return adain_of(checkpoint, locate)
        return as_stylizer(with_vgg16(checkpoint, locate), choice)
    if entry.files[0].role == "stylizer":
        return as_stylizer(open_checkpoint(locate.fetch(entry.files[0])), entry.name, entry)
    parts = {spec.role: partial(open_checkpoint, locate.fetch(spec)) for spec in entry.files}
    if entry.architecture == "ghiasi":
        predictor = next((locate.fetch(spec) for spec in entry.files if spec.role == "predictor"), None)
        return as_stylizer(with_predictor(parts["transformer"](), predictor), entry.name, entry)
    if entry.architecture == "styleformer":
        return as_stylizer(with_vgg16(parts["networks"](), locate), entry.name, entry)
    if entry.architecture in ("microast", "adaattn"):
        return as_stylizer(together(entry.architecture, {role: read() for role, read in parts.items()}), entry.name, entry)
    if entry.name == "adain":
        return families.adain.stylizer(as_encoder(parts["encoder"]()), as_decoder(parts["decoder"]()))
    decoders = {level: as_decoder(parts[f"decoder{level}"]()) for level in families.wct.LEVELS}
    if "encoder" in parts:
        shared = as_encoder(parts["encoder"]())
        encoders = {level: shared for level in families.wct.LEVELS}  # noqa: C420 (fromkeys would type the keys as literals)
    else:
        encoders = {level: as_encoder(parts[f"encoder{level}"]()) for level in families.wct.LEVELS}
    return families.wct.stylizer(entry.name, entry.title, encoders, decoders)


def adain_of(checkpoint: Checkpoint, locate: Locate) -> Stylizer:
    """AdaIN with a person's own decoder: with the encoder whose relu4_1 it takes, Pocket VGG or the normalized VGG-19."""
    network = checkpoint.build()
    assert isinstance(network, InverseVGG)
    encoder = load_encoder(POCKET_VGG, locate)
    assert isinstance(encoder.module, VGG)
    if network.config.widths[0][1] != dict(encoder.module.config.widths)["conv4_1"]:
        encoder = load_encoder("vgg19-normalised", locate)
    decoder = families.adain.as_decoder(network, checkpoint.path.name, checkpoint.path.name, encoder.name)
    return families.adain.stylizer(encoder, decoder, checkpoint.path.name, f"AdaIN ({checkpoint.path.name})")


def as_encoder(checkpoint: Checkpoint) -> Encoder:
    """An Encoder from a recognized file."""
    checkpoint = checkpoint.of_kind("encoder")
    network = checkpoint.build()
    if isinstance(network, families.pocket.Pocket):
        return families.pocket.as_encoder(network, *_named_after(checkpoint))
    if not isinstance(network, VGG):
        raise wrong_kind(checkpoint, "encoder")
    if checkpoint.architecture == families.wct.PRUNED_ENCODER.id:
        return families.wct.pruned_encoder(network)
    name = checkpoint.architecture
    if name == "vgg19-normalised":
        name = families.adain.normalized_encoder_name(network.config.widths[0][1])
    taps = network.config.taps
    return Encoder(name, name, network, network, ["relu4_1" if "relu4_1" in taps else taps[-1]])


def as_decoder(checkpoint: Checkpoint) -> Decoder:
    """A Decoder from a recognized file."""
    checkpoint = checkpoint.of_kind("decoder")
    network = checkpoint.build()
    if isinstance(network, families.pocket.Pocket):
        return families.pocket.as_decoder(network, *_named_after(checkpoint))
    if not isinstance(network, InverseVGG):
        raise wrong_kind(checkpoint, "decoder")
    if checkpoint.architecture.startswith("wct-16x"):
        return families.wct.pruned_decoder(network)
    return families.adain.as_decoder(network, checkpoint.architecture, checkpoint.architecture)


def as_stylizer(checkpoint: Checkpoint, name: str = "", entry: Entry | None = None) -> Stylizer:
    """A Stylizer from one recognized file; title and license from the catalogue where it has the file."""
    checkpoint = checkpoint.of_kind("stylizer")
    if checkpoint.kind == "stylizer" and any(other.kind == "stylizer" for other in checkpoint.others):
        raise several(checkpoint, "stylizer")
    if checkpoint.architecture == "cap-vstnet":
        named = entry.name if entry else checkpoint.path.name
        checkpoint = replace(checkpoint, config=families.cap_vstnet.of_kind(checkpoint.config, named))
    network = checkpoint.build()
    known = architecture(checkpoint.architecture)
    if known.stylizer is not None:
        title, license = (entry.title, entry.license.id) if entry else (f"{known.title} ({checkpoint.path.name})", known.license)
        made = known.stylizer(network, name or checkpoint.path.name, title, license)
        made.notes = checkpoint.notes
        return made
    if isinstance(network, families.pocket.Pocket):
        return families.pocket.stylizer(network, *_named_after(checkpoint))
    raise wrong_kind(checkpoint, "stylizer")


def with_predictor(checkpoint: Checkpoint, path: Path | None) -> Checkpoint:
    """Ghiasi's transformer with the network that predicts its styles, where they are published apart."""
    if checkpoint.architecture != "ghiasi" or checkpoint.config.predictor or path is None:
        return checkpoint
    found = open_checkpoint(path)
    if not found.architecture.startswith("ghiasi-"):
        raise wrong_kind(found, "style predictor")
    tensors = {**checkpoint.tensors, **found.tensors}
    return replace(checkpoint, tensors=tensors, config=architecture("ghiasi").configure(tensors))


def with_vgg16(checkpoint: Checkpoint, locate: Locate) -> Checkpoint:
    """StyleFormer's networks with torchvision's VGG-16, which its authors' file leaves out."""
    if checkpoint.architecture != "styleformer" or checkpoint.config.encoder:
        return checkpoint
    found = open_checkpoint(locate.fetch(load_catalogue().entry("vgg16").files[0]))
    if found.architecture != "vgg16":
        raise wrong_kind(found, "VGG-16 of torchvision")
    tensors = families.styleformer.with_encoder(checkpoint.tensors, found.tensors)
    return replace(checkpoint, tensors=tensors, config=families.styleformer.configure(tensors))


def together(identity: str, parts: Mapping[str, Checkpoint]) -> Checkpoint:
    """Files that hold one network each, by name, as one file of an architecture that has all of them."""
    tensors = {f"{name}.{key}": tensor for name, part in parts.items() for key, tensor in part.tensors.items()}
    known, first = architecture(identity), next(iter(parts.values()))
    if not known.recognize(tensors):
        raise CheckpointError(f"{first.path.name} and the files beside it are not those of {known.title}: remove them")
    return Checkpoint(first.path, identity, known.configure(tensors), tensors, {})


def _named_after(checkpoint: Checkpoint) -> tuple[str, str]:
    """Name and title of a person's own Pocket: features of two trainings must not be mixed up."""
    return f"pocket:{checkpoint.path.name}", checkpoint.path.name


def _built_in_pocket() -> nn.Module:
    return open_checkpoint(families.pocket.BUILT_IN).build()
