"""Which globals may stand in a pickle beside tensors. None is ever looked up: a name is text, and a call of it is a note.

Classes and functions of other packages stand in files for what training scripts kept there, and are passed over. What only an
attack would name, functions of Python's own library, is a reason to refuse the file: it is no checkpoint that anybody wants.
"""

from __future__ import annotations

import sys

from .pickle_tree import Name

# Of Python's own library: what is data.
DATA_MODULES = frozenset(
    (
        *("collections", "datetime", "_datetime", "decimal", "_decimal", "fractions", "enum", "uuid", "zoneinfo"),
        *("ipaddress", "array", "numbers"),
    )
)
PATHS = frozenset(("Path", "PurePath", "PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath"))
BUILT_IN = (
    *("set", "frozenset", "dict", "list", "tuple", "slice", "range", "object", "bytearray", "complex"),
    *("int", "float", "bool", "str", "bytes"),
)
DATA_NAMES = frozenset(
    (
        *(("builtins", name) for name in BUILT_IN),
        *(("argparse", "Namespace"), ("types", "SimpleNamespace"), ("copyreg", "_reconstructor"), ("copyreg", "__newobj__")),
        *(("_codecs", "encode"), ("functools", "partial"), ("time", "struct_time"), ("re", "_compile"), ("random", "Random")),
    )
)
OLD_NAMES = {"__builtin__": "builtins", "copy_reg": "copyreg", "_collections": "collections", "UserDict": "collections"}
OWN_LIBRARY = sys.stdlib_module_names | {"nt", "posix", "exceptions", "commands", "cPickle", "urllib2"}


def is_data(name: Name) -> bool:
    """Whether a pickle that refers to `name` may be read."""
    top = name.module.partition(".")[0]
    top = OLD_NAMES.get(top, top)
    if not all(part.isidentifier() for part in (*name.module.split("."), *name.name.split("."))):
        return False
    if top not in OWN_LIBRARY or top in ("__main__", "__mp_main__"):
        return "__" not in name.name.strip("_")
    if top == "pathlib":
        return name.name in PATHS
    if top in DATA_MODULES:
        return "." not in name.name
    return (top, name.name) in DATA_NAMES
