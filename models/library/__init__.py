"""The names that people choose, and the one door for files.

choices: the lists of all loaders, names alone. registry: any file is recognized by its contents, configured and built. wrapped:
the networks in a file, whatever is around them. building: within an allowance. foreign, misfits: what is said of other files.
known_files: what the person's own are. stylizers (with encoders and decoders; classical: those without a network),
translators, generators, controls, adapters, judges (networks that measure): what is behind a name. recipes: what can be trained.
"""
