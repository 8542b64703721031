"""Run by the host's own Python: Train Style LoRA on tiny models, made in inference mode.

python train_lora_checks.py COMFYUI ROOT FOLDER [kill]
"""

import os
import signal
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

COMFYUI, ROOT, FOLDER = (Path(argument) for argument in sys.argv[1:4])
KILLED = sys.argv[4:] == ["kill"]
COMMAND = [sys.executable, *sys.argv[:4], "kill"]
sys.argv = sys.argv[:1]
sys.path[0] = str(COMFYUI)  # instead of this folder, which has a comfy.py of its own
pack = types.ModuleType("style_atelier")
pack.__path__ = [str(ROOT)]
sys.modules["style_atelier"] = pack

import comfy.cli_args

comfy.cli_args.args.cpu = True
import comfy.model_management as mm
import comfy.samplers
import folder_paths
import torch
from safetensors.torch import load_file
from torch import Tensor

from style_atelier.models.lora.blocks import family_of, parse_weights
from style_atelier.models.training.draws import Draws
from style_atelier.models.training.lora import LoraPlan, timestep
from style_atelier.models.training.picture_set import from_tensors
from style_atelier.models.training.plan import Plan
from style_atelier.nodes.diffusion.lora import LoadLora
from style_atelier.nodes.host.folders import register_folder
from style_atelier.nodes.host.networks import plain_weights
from style_atelier.nodes.training import lora_run
from style_atelier.nodes.training.lora_loop import SAMPLE_STEPS, LoraTraining
from style_atelier.nodes.training.train_style_lora import TrainStyleLora
from style_atelier.tests.host.checks import refused, run_all
from style_atelier.tests.host.diffusion_parts import unchanged, weights_now
from style_atelier.tests.host.tiny_models import TinyCheckpoint, TinyVAE

MEASURED: dict[str, float] = {}
LORAS = FOLDER / "loras"
LORAS.mkdir(parents=True, exist_ok=True)
folder_paths.models_dir = str(FOLDER / "models")
folder_paths.folder_names_and_paths["loras"] = ([str(LORAS)], {".safetensors"})
register_folder()
STRAIGHT = {"name": "straight", "steps": 12}


def pictures(count: int = 3) -> Any:
    made = [torch.rand(3, 90 + 20 * i, 140, generator=torch.Generator().manual_seed(i)) for i in range(count)]
    return from_tensors(made, [f"{i}.png" for i in range(count)])


def train(kind: str = "DEEP_SD15", **settings: Any) -> tuple[Any, ...]:
    checkpoint = settings.pop("checkpoint", None) or TinyCheckpoint().load(kind)
    given = {
        **{"name": "lora", "if_there": "go on", "trigger": "ohwx", "captions": "a cat\na dog\na house", "what": "style"},
        **{"blocks": "", "rank": 4, "steps": 6, "learning_rate": 1e-3, "batch": 2, "size": 64, "min_snr": 5.0},
        **{"noise_levels": "even", "caption_dropout": 0.2, "sample_prompt": "ohwx", "sample_every": 4, "random_seed": 3},
        **{"pictures": pictures(), **settings},
    }
    return TrainStyleLora.execute(*checkpoint, **given).result


def tensors(file: str) -> dict[str, Tensor]:
    return load_file(str(LORAS / file))


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def check_it_goes_on_to_the_bit() -> None:
    """5 + 7 steps are 12, on both kinds of model; with samples between or without; another seed is another LoRA."""
    for kind in ("DEEP_SD15", "SDXL"):
        checkpoint = TinyCheckpoint().load(kind)
        assert next(checkpoint[0].model.parameters()).is_inference()
        before = weights_now(checkpoint[0])
        train(kind, checkpoint=checkpoint, **{**STRAIGHT, "name": f"straight_{kind}"})
        train(kind, checkpoint=checkpoint, name=f"parts_{kind}", steps=5, sample_every=0)
        report = train(kind, checkpoint=checkpoint, name=f"parts_{kind}", steps=12)[4]
        assert "went on from step 5" in report, report
        straight = tensors(f"straight_{kind}.safetensors")
        assert same(straight, tensors(f"parts_{kind}.safetensors"))
        assert unchanged(before, checkpoint[0])
        assert all(p.is_inference() for p in checkpoint[0].model.diffusion_model.parameters())
        train(kind, checkpoint=checkpoint, name=f"other_{kind}", steps=12, random_seed=4)
        assert not same(straight, tensors(f"other_{kind}.safetensors"))


def check_it_survives_a_kill() -> None:
    """SIGKILL after 6 steps with a checkpoint at 4: the next run ends where one without it does."""
    ended = subprocess.run(COMMAND, check=False, capture_output=True).returncode
    assert ended == -signal.SIGKILL, ended
    assert not (LORAS / "killed.safetensors").exists()
    report = train(**{**STRAIGHT, "name": "killed"})[4]
    assert "went on from step 4" in report, report
    train(**{**STRAIGHT, "name": "unharmed"})
    assert same(tensors("unharmed.safetensors"), tensors("killed.safetensors"))


def be_killed() -> None:
    lora_run.STEPS_BETWEEN_SAVES = 4
    showing = lora_run.Showing.__call__

    def kill(self: Any, run: Any, sample: Any) -> None:
        showing(self, run, sample)
        if run.step == 6:
            os.kill(os.getpid(), signal.SIGKILL)

    lora_run.Showing.__call__ = kill
    train(**{**STRAIGHT, "name": "killed"})


def check_a_stop_keeps_the_lora() -> None:
    """The file has the LoRA so far; the next run goes on."""
    showing = lora_run.Showing.__call__

    def stop(self: Any, run: Any, sample: Any) -> None:
        showing(self, run, sample)
        if run.step == 3:
            mm.interrupt_current_processing(True)

    lora_run.Showing.__call__ = stop
    before = lora_run.stops()
    try:
        report = train(name="stopped", steps=12)[4]
    finally:
        lora_run.Showing.__call__ = showing
        mm.interrupt_current_processing(False)
    assert "3 of 12 steps" in report, report
    assert "queue it again" in report
    assert lora_run.stops() == before + 1
    ups = [tensor for name, tensor in tensors("stopped.safetensors").items() if "down" in name]
    assert all(bool(tensor.any()) and bool(torch.isfinite(tensor).all()) for tensor in ups)
    train(name="stopped", steps=12)
    train(name="unstopped", steps=12)
    assert same(tensors("stopped.safetensors"), tensors("unstopped.safetensors"))


def check_load_lora_takes_it_whole() -> None:
    """Every module is matched; B-LoRA's halves by their names; the last live sample is the file's, to the bit."""
    for kind, what, found in (
        ("SDXL", "style", {"OUT01"}),
        ("SDXL", "style and content apart (B-LoRA)", {"OUT00", "OUT01"}),
        ("DEEP_SD15", "attention", {"IN01", "M00", "OUT03", "OUT11"}),
    ):
        checkpoint = TinyCheckpoint().load(kind)
        seen: list[Tensor] = []
        look = LoraTraining._look
        LoraTraining._look = lambda self, *given, look=look, seen=seen: seen.append(look(self, *given)) or seen[-1]
        try:
            made, file, samples, curve, _ = train(kind, checkpoint=checkpoint, name=f"{kind}_{len(found)}", what=what)
        finally:
            LoraTraining._look = look
        assert samples.shape == (2, 64, 64, 3)
        assert curve.shape[-1] == 3
        loaded = LoadLora.execute(checkpoint[0], file, 1.0, 1.0, "all", "", "").result
        assert "every module is matched" in loaded[4], loaded[4]
        assert "trigger: ohwx" in loaded[4]
        assert all(block in loaded[4] for block in found), loaded[4]
        clip = checkpoint[1]
        text = clip.encode_from_tokens_scheduled(clip.tokenize("ohwx"))
        sigmas = comfy.samplers.calculate_sigmas(checkpoint[0].model.model_sampling, "normal", SAMPLE_STEPS)
        start = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(3))
        for chosen in (made, loaded[0]):
            guider = comfy.samplers.CFGGuider(chosen)
            guider.set_conds([[text[0][0], {**text[0][1], "width": 64, "height": 64}]], [])
            guider.set_cfg(1.0)
            euler = comfy.samplers.sampler_object("euler")
            by_file = guider.sample(start, torch.zeros_like(start), euler, sigmas, disable_pbar=True)
            live = checkpoint[0].model.process_latent_out(seen[-1])
            MEASURED[f"sample, {kind} {what}"] = float((by_file - live).abs().max() / live.abs().max())
            assert MEASURED[f"sample, {kind} {what}"] <= 1e-6, MEASURED


def learned(kind: str) -> tuple[Any, ...]:
    """A checkpoint whose UNet finds noise in pictures, and whose attention was then led astray by something of low rank."""
    patcher, clip, vae = TinyCheckpoint().load(kind)
    unet, sampling = patcher.model.diffusion_model, patcher.model.model_sampling
    drawn = torch.Generator().manual_seed(0)
    with torch.inference_mode(False), torch.enable_grad(), plain_weights(patcher.model):
        text, facts = clip.encode_from_tokens_scheduled(clip.tokenize(""))[0]
        context = text.clone().expand(12, -1, -1)
        more = {}
        if kind == "SDXL":
            y = patcher.model.encode_adm(pooled_output=facts["pooled_output"].clone(), width=64, height=64, device="cpu")
            more = {"y": y.expand(12, -1)}
        shown = torch.cat([vae.encode(pictures().whole(i)[..., :64, :64].movedim(1, -1)) for i in range(3)]).clone()
        latents = patcher.model.process_latent_in(shown).detach()
        adam = torch.optim.Adam([p.requires_grad_() for p in unet.parameters()], lr=2e-3)
        for _ in range(LEARNING):
            rows, at = torch.randint(3, (12,), generator=drawn), torch.randint(1000, (12,), generator=drawn)
            noise, sigma = torch.randn(12, 4, 8, 8, generator=drawn), sampling.sigmas[at].view(-1, 1, 1, 1)
            noised = latents[rows] + sigma * noise
            found = (noised - patcher.model.apply_model(noised, sigma.flatten(), c_crossattn=context, **more)) / sigma
            loss = ((5 * sigma**2).clamp(max=1) * (found - noise).square()).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
        MEASURED["learned"] = float(loss.detach())
        learned = {name: tensor.detach().clone() for name, tensor in unet.state_dict().items()}
        for parameter in unet.parameters():
            parameter.requires_grad_(False)
    with torch.no_grad():
        for name, tensor in learned.items():
            if name.endswith("to_out.0.weight"):
                rows = [torch.randn(side, 2, generator=drawn) for side in tensor.shape]
                tensor += ASTRAY * tensor.norm() * (rows[0] @ rows[1].T) / (rows[0] @ rows[1].T).norm()
        unet.load_state_dict(learned)
    return patcher, clip, vae


LEARNING, ASTRAY, FALLING = 250, 30.0, 100


def check_the_loss_falls() -> None:
    """On the training pictures, with fresh noise at every step: to at most half, where attention of low rank is what is amiss."""
    for kind in ("SD15", "SDXL"):
        report = train(
            checkpoint=learned(kind),
            **{"name": f"falls_{kind}", "what": "attention", "rank": 8, "steps": FALLING, "learning_rate": 1e-2, "batch": 4},
            **{"sample_every": 0, "captions": "", "trigger": "", "caption_dropout": 0.0},
        )[4]
        first, last = (float(part.split(" in ")[0]) for part in report.split("loss: ")[1].split("\n")[0].split(", "))
        MEASURED[f"loss, {kind}"] = last / first
        assert last <= first / 2, report


def check_two_captions_are_their_own() -> None:
    """The gradient of a step is that of both pictures in one call with their contexts joined in one condition."""
    patcher, clip, vae = TinyCheckpoint().load("DEEP_SD15")
    with torch.inference_mode(False), torch.enable_grad():
        job = lora_run.LoraJob(
            *("two", patcher, clip, vae, pictures(2), ("a cat", "a dog"), "", Plan(steps=1, batch=2, size=64, seed=5)),
            *(LoraPlan(4, 5.0, "even", 0.0, "OUT=1, rest=0"), "", 0, True),
        )
        training, conditions = lora_run.prepared(job)
        made = training.attach(patcher, parse_weights(job.lora.blocks, family_of(patcher.model.state_dict())))
        # Both pictures at one size, so that they fit in one batch.
        training.lessons = [type(each)(each.latent[..., :8, :8].clone(), each.caption) for each in training.lessons]
        losses: list[float] = []
        training.told = lambda at, sample: losses.append(at.run.losses[-1]["total"])
        draws = Draws(5, 0)
        rows = [int(draws.integers(f"picture {i}", 0, 2)) for i in range(2)]
        levels = patcher.model.model_sampling.sigmas
        sigma = torch.stack([levels[timestep(draws, f"level {i}", "even")] for i in range(2)]).view(2, 1, 1, 1)
        noise = torch.cat([draws.normal(f"noise {i}", (1, 4, 8, 8)) for i in range(2)])
        latents = torch.cat([training.lessons[row].latent for row in rows])
        text = torch.cat([conditions[row][0] for row in rows])
        joined = patcher.model.apply_model(latents + sigma * noise, sigma.flatten(), c_crossattn=text)
        found = (latents + sigma * noise - joined) / sigma
        weight = (sigma**2 * 5).clamp(max=1)
        wanted = float((weight * (found - noise).square()).mean())
        lora_run.guided(job, made, training, conditions)
        MEASURED["two captions"] = abs(losses[0] - wanted) / wanted
        assert MEASURED["two captions"] <= 1e-6, (losses, wanted)


def check_bad_input() -> None:
    cases = {
        "is not a set of pictures": lambda: train(pictures=None),
        "at most 20": lambda: train(pictures=pictures(21)),
        "captions has 2 lines for 3 pictures": lambda: train(captions="a\nb"),
        "blocks is empty": lambda: train(what="blocks by name"),
        "has no attention": lambda: train(what="blocks by name", blocks="OUT00=1, rest=0"),
        "choose attention, or blocks by name": lambda: train(what="style and content apart (B-LoRA)"),
        "leads out of": lambda: train(name="../../out"),
        "with other settings": lambda: (train(name="taken", steps=1), train(name="taken", steps=1, rank=8)),
        "with other captions": lambda: train(name="taken", steps=1, captions="a cat"),
        "connect the VAE": lambda: train(checkpoint=(*TinyCheckpoint().load("SD15")[:2], TinyVAE(16))),
    }
    for words, work in cases.items():
        try:
            said = refused(work)
        except AssertionError as error:
            raise AssertionError(words) from error
        assert words in said, (words, said)


if __name__ == "__main__":
    if KILLED:
        with torch.inference_mode():
            be_killed()
    run_all(globals(), MEASURED)
