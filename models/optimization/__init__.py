"""A picture found step by step, so that it meets objectives.

backbone: an encoder and its way back. evaluator: loss and gradient, whole or in tiles. steppers: L-BFGS and Adam. engine: from
coarse to fine, within steps and seconds. memory: what fits. presets: the one box. report, chart: what was done.
"""
