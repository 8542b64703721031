"""Style in Stable Diffusion and its kin: LoRA and ControlNeXt over the host's own sampling.

lora, controlnext: the nodes. patches: LoRA files on the host's key map. control: a ControlBase. stable_diffusion: what of the
host is asked, absent on the embedded one.
"""
