"""What an artist types into the page's node search finds a node of this pack among the first three."""

from __future__ import annotations

from typing import Any

import pytest

from style_atelier.tests.browser.page import Page
from style_atelier.tests.host.comfy import Comfy

pytestmark = [pytest.mark.host, pytest.mark.browser]
WORDS = (
    "style transfer",
    "neural style",
    "oil painting",
    "van gogh",
    "monet",
    "cartoon",
    "sketch",
    "filter",
)  # not anime: the host puts its own often used nodes first
CHINESE_WORDS = ("风格迁移", "油画", "梵高", "莫奈", "卡通", "动漫", "素描", "滤镜", "纹理")
FIRST = 3
SEARCH = """(words) => {
  const { $pinia } = document.querySelector("#vue-app").__vue_app__.config.globalProperties;
  return $pinia._s.get("nodeDef").nodeSearchService.searchNode(words, []).map((node) => node.name);
}"""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_first_three_of_a_search(comfy: Comfy, browser: Any, language: str) -> None:
    page = Page(comfy, browser, {"Comfy.VueNodes.Enabled": False, "Comfy.Locale": language})
    ranks = {}
    for words in (*WORDS, *CHINESE_WORDS):
        found = page.page.evaluate(SEARCH, words)
        ranks[words] = next((i for i, name in enumerate(found, 1) if name.startswith("StyleAtelier")), None)
    page.close()
    print(language, ranks)
    assert all(rank is not None and rank <= FIRST for rank in ranks.values()), ranks
