"""Optical flow, occlusion, the errors of clips, cuts between scenes, and statistics that hold from frame to frame."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from style_atelier.models.encoders.encoder import no_gradients
from style_atelier.models.families import pocket
from style_atelier.models.families.pocket.network import Pocket, PocketConfig
from style_atelier.models.metrics.temporal import static_error, warping_error
from style_atelier.models.ops.moments import measure
from style_atelier.models.stylization.stylizer import StylizeOptions, Stylizer
from style_atelier.models.video.flow import inside, occluded, optical_flow, warp
from style_atelier.models.video.scenes import SceneFinder, jumps, scene_cuts, signatures
from style_atelier.models.video.statistics import ContentStatistics
from style_atelier.tests.families.microast_files import small_microast

HEIGHT, WIDTH = 96, 128
EDGE = 8
Map = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def waves(seed: int = 0, count: int = 60) -> Callable[[Tensor, Tensor], Tensor]:
    """A picture at any real places: columns and rows [H, W] -> [1, 3, H, W] in 0..1, a sum of waves."""
    chance = torch.Generator().manual_seed(seed)
    across, down = 0.25 * torch.randn(2, count, 1, 1, generator=chance)
    phase = math.tau * torch.rand(count, 1, 1, generator=chance)
    height = torch.rand(count, 3, 1, 1, generator=chance) - 0.5

    def at(x: Tensor, y: Tensor) -> Tensor:
        wave = torch.sin(across * x + down * y + phase)[:, None]
        return (0.5 + 1.4 * (height * wave).sum(0) / math.sqrt(count)).clamp(0, 1)[None]

    return at


ROWS, COLUMNS = torch.meshgrid(torch.arange(float(HEIGHT)), torch.arange(float(WIDTH)), indexing="ij")


def rotation(degrees: float) -> tuple[Map, Tensor]:
    """The way back of a rotation about the middle, and its flow."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = COLUMNS - WIDTH / 2, ROWS - HEIGHT / 2
    flow = torch.stack([c * x - s * y - x, s * x + c * y - y])[None]
    return lambda x, y: (
        c * (x - WIDTH / 2) + s * (y - HEIGHT / 2) + WIDTH / 2,
        -s * (x - WIDTH / 2) + c * (y - HEIGHT / 2) + HEIGHT / 2,
    ), flow


def translation(across: float, down: float) -> tuple[Map, Tensor]:
    flow = torch.tensor([across, down]).view(1, 2, 1, 1).expand(1, 2, HEIGHT, WIDTH)
    return lambda x, y: (x - across, y - down), flow


@pytest.mark.parametrize(
    ("motion", "limit"),
    [
        (translation(0.3, -0.2), 0.03),
        (translation(2.3, -1.7), 0.03),
        (translation(-6.4, 3.6), 0.03),
        (rotation(1), 0.05),
        (rotation(-4), 0.1),
    ],
)
def test_flow_of_known_motions_is_exact_to_a_part_of_a_pixel(motion: tuple[Map, Tensor], limit: float) -> None:
    back, truth = motion
    picture = waves()
    found = optical_flow(picture(COLUMNS, ROWS), picture(*back(COLUMNS, ROWS)))
    error = (found - truth).square().sum(1).sqrt()[..., EDGE:-EDGE, EDGE:-EDGE]
    assert float(error.mean()) < limit
    assert float(error.max()) < 8 * limit


def test_flow_of_what_stands_still_is_zero() -> None:
    picture = waves()(COLUMNS, ROWS)
    assert float(optical_flow(picture, picture).abs().max()) == 0


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (17, 17), (101, 83)])
def test_flow_of_any_size(size: tuple[int, int]) -> None:
    assert optical_flow(torch.rand(2, 3, *size), torch.rand(2, 3, *size)).shape == (2, 2, *size)


def test_warping_is_bilinear_and_exact_without_motion() -> None:
    picture = torch.rand(2, 3, 7, 5)
    assert torch.equal(warp(picture, torch.zeros(2, 2, 7, 5)), picture)
    right = torch.zeros(2, 2, 7, 5)
    right[:, 0] = 1.25
    there = warp(picture, right)
    assert torch.allclose(there[..., :3], torch.lerp(picture[..., 1:4], picture[..., 2:], 0.25))
    assert torch.equal(there[..., 4], picture[..., 4])
    assert inside(right)[0, 0, 0].tolist() == [True, True, True, False, False]


def square_on(background: Tensor, left: int) -> Tensor:
    made = background.clone()
    made[..., 30:66, left : left + 36] = waves(7)(COLUMNS, ROWS)[..., 30:66, 40:76]
    return made


def test_what_a_moving_square_hides_is_occluded() -> None:
    background = waves(1)(COLUMNS, ROWS)
    first, second = square_on(background, 40), square_on(background, 46)
    there, back = optical_flow(first, second), optical_flow(second, first)
    hidden = occluded(there, back)[0, 0]
    assert float(hidden[34:62, 77:81].float().mean()) > 0.8  # before the square, where it goes
    assert float(hidden[38:58, 48:68].float().mean()) < 0.05  # on it
    assert float(hidden[:20, EDGE:-EDGE].float().mean()) < 0.05  # far away


def test_occlusion_by_its_formula() -> None:
    """A constant flow that is undone exactly is seen; one that is not, is not, from the published threshold on."""
    there = torch.zeros(1, 2, 20, 20)
    there[:, 0] = 2
    assert not bool(occluded(there, -there)[..., :17].any())
    for miss, hidden in ((0.69, False), (0.80, True)):  # 0.69^2 < 0.5 + 0.01 * (4 + 1.31^2) = 0.557 < 0.80^2
        back = -there
        back[:, 0] += miss
        assert bool(occluded(there, back)[0, 0, 5, 5]) == hidden


def clip(frames: int = 4) -> Tensor:
    picture = waves(2)
    return torch.cat([picture(COLUMNS - 1.5 * t, ROWS + 0.5 * t) for t in range(frames)])


def test_a_clip_that_moves_with_its_source_is_steady() -> None:
    source = clip()
    steady = warping_error(source, 1 - source.square(), side=64)
    flickering = warping_error(source, (source + torch.tensor([0.1, -0.1, 0.1, -0.1]).view(4, 1, 1, 1)).clamp(0, 1), side=64)
    assert steady.errors.shape == (3,)
    assert float(steady.visible.min()) > 0.9
    assert steady.mean < 1e-4
    assert flickering.mean == pytest.approx(0.04, rel=0.1)  # 0.2 squared
    stuck = source[:1].expand_as(source)
    assert 10 * warping_error(source, source, side=64).mean < warping_error(source, stuck, side=64).mean


def test_pairs_across_cuts_are_left_out() -> None:
    source = torch.cat([clip(2), 1 - clip(2)])
    assert len(warping_error(source, source, cuts=[2]).errors) == 2
    assert len(warping_error(source, source, cuts=[2], apart=2).errors) == 0
    assert warping_error(source, source, cuts=[2], apart=2).mean == 0


def test_clips_that_do_not_pair_up_are_refused() -> None:
    with pytest.raises(ValueError, match="as many frames"):
        warping_error(clip(3), clip(2))
    with pytest.raises(ValueError, match="apart is 0"):
        warping_error(clip(2), clip(2), apart=0)


def test_static_error_is_the_deviation_over_time() -> None:
    still = torch.rand(1, 3, 8, 8)
    assert static_error(still.expand(7, -1, -1, -1)) == 0
    assert static_error(torch.cat([still, still + 0.2])) == pytest.approx(0.1)


def panned(seed: int, frames: int, speed: float = 2.0) -> Tensor:
    picture = waves(seed, 12)
    return torch.cat([picture(COLUMNS[::2, ::2] + speed * t, ROWS[::2, ::2]) for t in range(frames)])


def test_cuts_are_found_and_pans_fades_and_flashes_are_none() -> None:
    scenes = torch.cat([panned(1, 9), 0.4 * panned(2, 7), 0.5 + 0.5 * panned(3, 8)])
    assert scene_cuts(scenes) == [9, 16]
    assert scene_cuts(panned(1, 20, speed=6)) == []
    fade = panned(1, 20) * torch.linspace(1, 0.1, 20).view(-1, 1, 1, 1)
    assert scene_cuts(fade) == []
    flash = panned(1, 12)
    flash[6] = 1
    assert float(jumps(signatures(flash))[5]) > 0.5
    assert scene_cuts(flash) == []


@pytest.mark.parametrize("sizes", [[1] * 24, [2, 1, 9, 12], [9, 7, 8], [5, 19]])
def test_cuts_are_found_a_few_frames_at_a_time(sizes: list[int]) -> None:
    scenes = torch.cat([panned(1, 9), 0.4 * panned(2, 7), 0.5 + 0.5 * panned(3, 8)])
    finder = SceneFinder()
    for part in scenes.split(sizes):
        finder.add(part)
    assert finder.cuts() == [9, 16]
    assert finder.cuts(0.2) == scene_cuts(scenes, 0.2)
    with pytest.raises(ValueError, match="sensitivity is 0"):
        finder.cuts(0)


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_cuts_of_short_clips(frames: int) -> None:
    assert scene_cuts(torch.rand(1, 3, 16, 16).expand(frames, -1, -1, -1)) == []


def test_a_cut_between_two_frames_is_found() -> None:
    assert scene_cuts(torch.stack([torch.zeros(3, 16, 16), torch.ones(3, 16, 16)])) == [1]


def values(*numbers: float) -> list[tuple[Tensor]]:
    return [(torch.tensor(float(n)),) for n in numbers]


@pytest.mark.parametrize(
    ("memory", "used"),
    [
        (ContentStatistics("fixed", cuts=[3]), [1, 1, 1, 1, 1]),
        (ContentStatistics("scene", cuts=[3]), [1, 1, 1, 7, 7]),
        (ContentStatistics("running", cuts=[3], inertia=0.5), [1, 2, 3.5, 7, 8]),
    ],
)
def test_statistics_are_remembered(memory: ContentStatistics, used: list[float]) -> None:
    found = [float(memory.settle("mean", v)[0]) for v in values(1, 3, 5, 7, 9)]
    assert found == used
    assert float(memory.settle("other", values(4)[0])[0]) == 4  # each by its own name


def test_a_copy_goes_on_by_itself() -> None:
    memory = ContentStatistics("running", cuts=[2], inertia=0.5)
    memory.settle("mean", values(1)[0])
    other = memory.copy()
    assert [float(other.settle("mean", v)[0]) for v in values(3, 9)] == [2, 9]
    assert [float(memory.settle("mean", v)[0]) for v in values(5, 7)] == [3, 7]


def test_moments_are_remembered_for_frames_of_other_sizes() -> None:
    memory = ContentStatistics("fixed")
    first, second = measure(torch.rand(1, 4, 9, 9), full=True), measure(torch.rand(1, 4, 5, 5), full=True)
    assert torch.allclose(memory.moments("a", first).covariance(), first.covariance())
    held = memory.moments("a", second)
    assert torch.equal(held.mean, first.mean)
    assert torch.equal(held.weight, second.weight)
    assert torch.allclose(held.scatter / 25, first.scatter / 81)


def test_an_inertia_that_never_learns_is_refused() -> None:
    with pytest.raises(ValueError, match="inertia is 1"):
        ContentStatistics("running", inertia=1)


def small_pocket() -> Stylizer:
    torch.manual_seed(0)
    network = Pocket(PocketConfig((8, 8, 12, 16), 8))
    torch.nn.init.normal_(network.code_out.weight, std=0.05)
    no_gradients(network)
    return pocket.stylizer(network)


def pleasant_microast() -> Stylizer:
    return small_microast(inside=True)


def with_a_visitor(frames: int) -> Tensor:
    """A scene that stands still, and a dark square that comes in from the right."""
    made = waves(4)(COLUMNS, ROWS).repeat(frames, 1, 1, 1)
    for t in range(1, frames):
        made[t, :, 20:80, WIDTH - 12 * t :] *= 0.1
    return made


@pytest.mark.parametrize("make", [small_pocket, pleasant_microast])
@pytest.mark.parametrize("tile", [0, 48])
def test_a_still_clip_stays_still(make: Callable[[], Stylizer], tile: int) -> None:
    still, style = waves(4)(COLUMNS, ROWS).expand(2, -1, -1, -1), waves(5)(COLUMNS, ROWS)
    stylizer = make()
    for holding in ("fixed", "running", "scene"):
        options = StylizeOptions(content_statistics=ContentStatistics(holding), tile=tile)
        made = stylizer.stylize(still, [style], options)
        assert static_error(made) == 0
        assert warping_error(still, made, side=32).mean == 0


@pytest.mark.parametrize("make", [small_pocket, pleasant_microast])
@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_what_comes_in_does_not_change_what_stands_still(make: Callable[[], Stylizer], strength: float) -> None:
    source, style = with_a_visitor(4), waves(5)(COLUMNS, ROWS)
    stylizer = make()

    def flicker(memory: ContentStatistics | None) -> float:
        made = stylizer.stylize(source, [style], StylizeOptions(strength=strength, content_statistics=memory))
        return static_error(made[..., : WIDTH // 3])

    measured = flicker(None)
    assert measured > 1e-4
    assert flicker(ContentStatistics("fixed")) < 1e-6
    assert flicker(ContentStatistics("running", inertia=0.9)) < 0.5 * measured


@pytest.mark.parametrize("make", [small_pocket, pleasant_microast])
def test_frame_after_frame_is_as_all_at_once(make: Callable[[], Stylizer]) -> None:
    source, style = with_a_visitor(3), waves(5)(COLUMNS, ROWS)
    mask = torch.zeros(1, 1, HEIGHT, WIDTH)
    mask[..., :60] = 1
    stylizer = make()
    for masks in ((), (mask,)):
        memories = [ContentStatistics("running", cuts=[2], inertia=0.7) for _ in range(2)]
        together, single = (StylizeOptions(content_masks=masks, content_statistics=memory) for memory in memories)
        apart = [stylizer.stylize(frame[None], [style], single) for frame in source]
        assert float((stylizer.stylize(source, [style], together) - torch.cat(apart)).abs().max()) < 1e-6


def test_a_stylizer_without_statistics_says_so() -> None:
    class Plain(Stylizer):
        name = title = license = style_kind = "plain"

        def stylize(self, content, styles, options=StylizeOptions(), progress=None):
            self.check(styles, options)
            return content

    with pytest.raises(ValueError, match="content_statistics are remembered and plain uses none"):
        Plain().stylize(clip(1), [clip(1)], StylizeOptions(content_statistics=ContentStatistics()))
