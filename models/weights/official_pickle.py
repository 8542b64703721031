"""Reads the pickles in which NVIDIA publishes StyleGAN, and those of its relatives, without running anything from them.

StyleGAN2-ada and StyleGAN3 (PyTorch): a dict of networks, each a `persistence` record whose state is the module's __dict__ and
whose source code, which the official loader executes, is ignored. StyleGAN 1, 2 and ada (TensorFlow): a tuple (G, D, Gs) of
`dnnlib.tflib.network.Network` with a list of variables. Formats: NVlabs/stylegan2-ada-pytorch torch_utils/persistence.py and
legacy.py, NVlabs/stylegan dnnlib/tflib/network.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .budget import Budget
from .containers import split_networks
from .errors import FAULTS, CheckpointError
from .inert_names import is_data
from .pickle_numbers import Tensors, array_of, bytes_of, is_call, length_of
from .pickle_tree import Call, read_tree
from .plain_values import Values, dict_pairs
from .torch_file import legacy_content
from .words import reason

RECORD = "_reconstruct_persistent_obj"
TF_NETWORKS = ("G", "D", "Gs")
MOST_MODULES = 10_000  # the same module may lie in many places, and those in many again
LONGEST_SETTINGS = 4 << 20
LONGEST_CLASS = 200
SETTINGS_WEIGHT = 30  # of the budget, for each: they come out as text again

State = dict[str, Tensor]


def read_official(path: Path, data: memoryview, budget: Budget) -> tuple[State, dict[str, State], dict[str, str]]:
    """(tensors at its top, networks by their published names, metadata): parameters and buffers by dotted name, as stored.

    Metadata has for each network `NAME.class` and `NAME.kwargs`, the latter as JSON; TensorFlow networks also `NAME.version`.
    A network that cannot be read is left out where another one can be. A bare pickle of dicts with tensors or numpy's arrays is
    read too. CheckpointError in one sentence for anything else.
    """
    try:
        tree, end = read_tree(data, is_data, budget)
        if end != len(data):
            raise ValueError("it goes on behind its end")
        reader = _Reader(budget)
        if not _is_official(tree):
            found = split_networks(path, Values(reader.storage, budget).of(tree), budget)
            if not found[0] and not found[1]:
                raise ValueError("it holds no networks")
            return found
        return {}, *reader.networks(tree)
    except FAULTS as error:
        raise CheckpointError(
            f"{path} is a bare pickle but no network as NVIDIA publishes them ({reason(error)}), and no code from a checkpoint "
            "is ever run; choose another file."
        ) from error


def _is_official(tree: Any) -> bool:
    if isinstance(tree, tuple):
        return len(tree) == len(TF_NETWORKS) and all(is_call(part, "Network") for part in tree)
    return isinstance(tree, dict) and any(is_call(value, RECORD) for value in tree.values())


class _Reader:
    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.tensors = Tensors(self.storage, budget)
        self.storages: dict[int, Tensor] = {}
        self.arrays: dict[int, Tensor] = {}
        self.modules = self.settings = 0

    def networks(self, tree: Any) -> tuple[dict[str, State], dict[str, str]]:
        if isinstance(tree, tuple):
            records, read = dict(zip(TF_NETWORKS, tree, strict=True)), self.tensorflow
        else:
            records, read = {key: value for key, value in tree.items() if is_call(value, RECORD)}, self.persistent
        networks: dict[str, State] = {}
        metadata: dict[str, str] = {}
        problem = ValueError("it holds no networks")
        for name, record in records.items():
            try:
                state, facts = read(record)
            except ValueError as error:
                problem = error
                continue
            if state:
                networks[name] = state
            metadata |= {f"{name}.{key}": text for key, text in facts.items()}
        if not networks:
            raise problem
        return networks, metadata

    # PyTorch

    def persistent(self, record: Call) -> tuple[State, dict[str, str]]:
        meta, members = self.module(record)
        state: State = {}
        self.collect(members, "", state, 0)
        kwargs = self.plain(members.get("_init_kwargs", {}), 0)
        return state, {"class": str(meta.get("class_name"))[:LONGEST_CLASS], "kwargs": json.dumps(kwargs)}

    def module(self, record: Any) -> tuple[dict[Any, Any], dict[Any, Any]]:
        """(record, the module's __dict__)."""
        (meta,) = record.args
        if not isinstance(meta, dict) or not isinstance(meta.get("state"), (dict, Call)):
            raise ValueError("a module has no state")
        return meta, self.mapping(meta["state"])

    def collect(self, members: dict[Any, Any], prefix: str, state: State, depth: int) -> None:
        self.modules += 1
        self.budget.take_depth(depth)
        if self.modules > MOST_MODULES:
            raise ValueError("modules are too many")
        for part in ("_parameters", "_buffers"):
            for name, value in self.mapping(members.get(part, {})).items():
                if value is not None:
                    state[f"{prefix}{name}"] = self.tensor(value)
        for name, value in self.mapping(members.get("_modules", {})).items():
            if value is None:
                continue
            if not is_call(value, RECORD):
                raise ValueError(f"the module {prefix}{name} is of no kind that these files have")
            self.collect(self.module(value)[1], f"{prefix}{name}.", state, depth + 1)

    def tensor(self, value: Any) -> Tensor:
        made = self.tensors.of(value) if isinstance(value, Call) else None
        if made is None:
            raise ValueError("a parameter is no tensor")
        return made

    def storage(self, value: Any) -> Tensor:
        """The numbers behind a tensor: a PyTorch file within the file, read as data alone."""
        if not is_call(value, "_load_from_bytes") or len(value.args) != 1:
            raise ValueError("a tensor has no numbers")
        if id(value) not in self.storages:
            self.budget.take_bytes(0 if isinstance(value.args[0], memoryview) else length_of(value.args[0]))
            loaded = legacy_content(memoryview(bytes_of(value.args[0])), self.budget)
            if not isinstance(loaded, Tensor) or loaded.ndim != 1:
                raise ValueError("a tensor's numbers are no storage")
            self.storages[id(value)] = loaded
        return self.storages[id(value)]

    # TensorFlow

    def tensorflow(self, network: Call) -> tuple[State, dict[str, str]]:
        fields = self.mapping(network.state)
        state: State = {}
        self.variables(fields, "", state, 0)
        facts = {
            "kwargs": json.dumps(self.plain(fields.get("static_kwargs", {}), 0)),
            "version": str(fields.get("version"))[:LONGEST_CLASS],
        }
        return state, {"class": str(fields.get("build_func_name"))[:LONGEST_CLASS], **facts}

    def variables(self, fields: dict[Any, Any], prefix: str, state: State, depth: int) -> None:
        self.modules += 1
        self.budget.take_depth(depth)
        if self.modules > MOST_MODULES:
            raise ValueError("networks are too many")
        variables = fields.get("variables", [])
        for name, value in dict_pairs(variables if isinstance(variables, list) else None):
            if id(value) not in self.arrays:
                self.arrays[id(value)] = torch.from_numpy(array_of(value, self.budget))
            self.budget.take_items()
            state[f"{prefix}{name}"] = self.arrays[id(value)]
        for name, part in self.mapping(fields.get("components", {})).items():
            if is_call(part, "Network"):
                self.variables(self.mapping(part.state), f"{prefix}{name}/", state, depth + 1)

    def mapping(self, value: Any) -> dict[str, Any]:
        """A dict, an OrderedDict or an EasyDict as a dict."""
        if isinstance(value, dict):
            pairs = list(value.items())
        elif is_call(value, "OrderedDict", "EasyDict"):
            pairs = [*dict_pairs(value.args[0] if value.args else None), *value.pairs]
        else:
            raise ValueError("it has something else where names and values are expected")
        self.budget.take_items(len(pairs))
        return {(key if isinstance(key, str) else str(key)): item for key, item in pairs}

    def plain(self, value: Any, depth: int) -> Any:
        """What JSON can hold of a value; names and calls that are no dicts become null."""
        self.budget.take_depth(depth)
        self.budget.take_items(SETTINGS_WEIGHT)
        if isinstance(value, dict) or is_call(value, "EasyDict", "OrderedDict"):
            return {key: self.plain(item, depth + 1) for key, item in self.mapping(value).items()}
        if isinstance(value, (list, tuple)):
            return [self.plain(item, depth + 1) for item in value]
        if is_call(value, "scalar"):
            return array_of(value, self.budget).item()
        if isinstance(value, str):
            self.settings += len(value)
            if self.settings > LONGEST_SETTINGS:
                raise ValueError("settings are too long")
        return value if isinstance(value, (str, int, float, bool, type(None))) else None
