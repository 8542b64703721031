"""Style in Stable Diffusion and its kin, over the host's own sampling.

lora, controlnext, style_transfer, style_injection (with styleid), attention_objective, optimize_latent, style_guidance,
style_noise, deadiff: the nodes. patches: LoRA files on the host's key map. control: a ControlBase. sampling, unets,
joint_attention, pictures: a model under the host's guider, its attentions, latents. stable_diffusion: what of the host is
asked, absent on the embedded one.
"""
