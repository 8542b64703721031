"""Style transfer in one call, and styles apart from their pictures.

stylizer: the interface that every feed-forward method offers. stages: the closed forms (AdaIN, WCT, Pocket) on moments.
canvas_stylizer: networks whose forward pass is written against a canvas. style, style_file, moment_style: what a stylizer
took from pictures, kept, mixed, walked between and saved.
"""
