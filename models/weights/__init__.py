"""Files of weights, and everything that could go wrong with them.

catalogue: the one list of published files. addresses, download, transfer, locks, ledger: fetched once and checked. readers (over
screening, containers, pickle_tree, official_pickle, onnx, protobuf, tf_bundle, tf_v1, tfjs, table, parts): tensors out of any
container, with nothing in it run. convert: safetensors beside the original. numbered, kept: what people save themselves.
endings: of files that are listed and read. outsiders: files of other programs by how they begin. settings: what the person's
system says. errors: one sentence each.
"""
