"""Style Atelier: style transfer as ComfyUI nodes. What ComfyUI loads; everything else is in the folders beside it."""

from .nodes import comfy_entrypoint

WEB_DIRECTORY = "./web"

__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
