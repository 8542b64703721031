"""The names that people choose, and the one door for files.

registry: any file is recognized by its contents, configured and built. foreign: what other files seem to be. choices: what all
lists have in common. stylizers (with encoders and decoders), translators, generators, controls: a list and what is behind it.
"""
