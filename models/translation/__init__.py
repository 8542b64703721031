"""Pictures from one domain to another.

translator: the interface that every image-to-image network offers. style_code: the codes that multimodal ones paint by.
two_ways: two networks of one file, there and back.
"""
