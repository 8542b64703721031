"""The names that people choose, and the one door for files.

registry: any file is recognized by its contents, configured and built. wrapped: the networks in a file, whatever is around them.
foreign: what other files seem to be. known_files: what the person's own are. choices: what all lists have in common. stylizers
(with encoders and decoders), translators, generators, controls: a list and what is behind it.
registry: any file is recognized by its contents, configured and built. foreign: what other files seem to be. choices: what all
lists have in common. stylizers (with encoders and decoders), translators, generators, controls, judges (networks
that measure): a list and what is behind it.
"""
