"""Numbers that pictures are judged by.

style: a pair's distance in style and its edges. perceptual, path_length, separability: of generators. temporal: of clips.
"""
