"""The routes behind the page's weights panel."""

from __future__ import annotations

import json
import time

import pytest

from style_atelier.tests.host.comfy import Comfy

pytestmark = pytest.mark.host
STATUS = "/style_atelier/weights"
SMALL = "wct-16x"


def entry(comfy: Comfy, name: str) -> dict:
    return next(each for each in comfy.get(STATUS)["entries"] if each["name"] == name)


def test_status_covers_every_published_choice(comfy: Comfy) -> None:
    info = comfy.get("/object_info")
    loaders = {"StyleAtelierLoadEncoder": "encoder", "StyleAtelierLoadDecoder": "decoder", "StyleAtelierLoadStylizer": "stylizer"}
    status = comfy.get(STATUS)
    known = {each["name"] for each in status["entries"]} | set(status["own_files"])
    for node, name in loaders.items():
        kind, options = info[node]["input"]["required"][name][:2]
        listed = options["options"] if kind == "COMBO" else kind
        assert {choice for choice in listed if not choice.endswith(("(built-in)", "(no network)"))} <= known


def test_status_states_size_license_and_source(comfy: Comfy) -> None:
    for each in comfy.get(STATUS)["entries"]:
        assert each["state"] in ("present", "partial", "missing")
        assert each["license"]["id"]
        assert isinstance(each["license"]["commercial"], bool)
        assert each["source"].startswith("http")
    assert comfy.get(STATUS)["refusal"] is None


def test_part_of_a_download_is_seen(comfy: Comfy) -> None:
    files = entry(comfy, "vgg16")["files"]
    part = comfy.base / "models" / "style_atelier" / f"{files[0]['path']}.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(b"x" * 1000)
    try:
        found = entry(comfy, "vgg16")
        assert found["state"] == "partial"
        assert found["files"][0]["part_bytes"] == 1000
    finally:
        part.unlink()
    assert entry(comfy, "vgg16")["state"] == "missing"


def test_a_file_of_a_wrong_size_is_not_taken_for_the_real_one(comfy: Comfy) -> None:
    path = comfy.base / "models" / "style_atelier" / entry(comfy, "vgg16")["files"][0]["path"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"<html>")
    try:
        assert entry(comfy, "vgg16")["state"] == "missing"
    finally:
        path.unlink()


def test_own_files_are_listed_with_their_size(comfy: Comfy) -> None:
    own = comfy.base / "models" / "style_atelier" / "mine" / "own.safetensors"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_bytes(b"x" * 321)
    try:
        assert comfy.get(STATUS)["own_files"]["mine/own.safetensors"] == 321
    finally:
        own.unlink()


@pytest.mark.parametrize("action", ["download", "cancel"])
@pytest.mark.parametrize("name", ["nothing", "..%2F..%2Fetc%2Fpasswd", "http:%2F%2Fexample.com%2Fa.pth", "wct-16x/encoder1"])
def test_names_come_from_the_catalogue_only(comfy: Comfy, name: str, action: str) -> None:
    status, content = comfy.request(f"{STATUS}/{name}/{action}", {})
    assert status == 404
    assert b"error" in content or b"Not Found" in content


@pytest.mark.parametrize("action", ["download", "cancel"])
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "elsewhere.example"}, 403),
        ({"X-Forwarded-For": "203.0.113.7"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_other_sites_and_machines_are_refused(comfy: Comfy, headers: dict[str, str], expected: int, action: str) -> None:
    assert comfy.request(f"{STATUS}/{SMALL}/{action}", {}, headers)[0] == expected
    assert entry(comfy, SMALL)["job"] is None


def test_reading_does_not_start_anything(comfy: Comfy) -> None:
    assert comfy.request(f"{STATUS}/{SMALL}/download")[0] in (404, 405)
    assert entry(comfy, SMALL)["job"] is None


def test_nothing_to_cancel(comfy: Comfy) -> None:
    status, content = comfy.request(f"{STATUS}/{SMALL}/cancel", {})
    assert status == 409
    assert b"under way" in content


def test_a_download_that_fails_says_so_on_the_websocket(comfy: Comfy) -> None:
    """The host of these tests runs with the offline switch on."""
    listener = comfy.listen()
    try:
        status, content = comfy.request(f"{STATUS}/vgg19/download", {}, {"Origin": comfy.url, "Sec-Fetch-Site": "same-origin"})
        assert status == 202
        assert json.loads(content)["job"]["name"] == "vgg19"
        end = time.monotonic() + 20
        while True:
            message = listener.receive(max(0.1, end - time.monotonic()))
            parsed = json.loads(message) if isinstance(message, str) else {}
            if parsed.get("type") == "style_atelier.weights":
                break
    finally:
        listener.close()
    assert parsed["data"]["state"] == "failed"
    assert parsed["data"]["error"]
    found = entry(comfy, "vgg19")
    assert found["state"] == "missing"
    assert found["job"]["error"] == parsed["data"]["error"]
