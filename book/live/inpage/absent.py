"""Stand-ins for what the page cannot import: they can be passed on, and say so at their first use.

A notebook's first cell imports all that the whole notebook needs. Here a name that is not to be had is
bound to an `Absent`; whoever calls it, reads it or computes with it gets `NotInPage`, which names what is
missing and the way out. Nothing is imitated.
"""

import sys
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

USES = """
call iter next len getitem setitem delitem contains bool int float index str repr format bytes hash
enter exit aenter aexit aiter await lt le gt ge eq ne add radd sub rsub mul rmul truediv rtruediv
floordiv mod rmod pow rpow matmul neg abs and xor set_name mro_entries
"""


class NotInPage(BaseException):
    """What is not in the page was used. No `Exception`, so that no cell takes it for a slip of its own."""

    def __init__(self, root: str, sentence: str) -> None:
        super().__init__(sentence)
        self.root = root

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class Absent:
    """A name of a module that is not here, its attributes as absent as the whole; any use raises."""

    def __init__(self, root: str, say: Callable[[str], str]) -> None:
        self.__dict__.update(_root=root, _say=say)

    def __getattr__(self, name: str) -> "Absent":
        if name.startswith(("__", "_repr_", "_ipython_")):  # somebody only looks
            raise AttributeError(name)
        return self

    def __or__(self, other: object) -> "Absent":  # `array | None`: an annotation
        return self

    __ror__ = __or__

    def __instancecheck__(self, thing: object) -> bool:
        return False

    __subclasscheck__ = __instancecheck__


def _refuse(self: Absent, *args: object, **kwargs: object) -> None:
    raise NotInPage(self._root, self._say(self._root))


for _use in USES.split():
    setattr(Absent, f"__{_use}__", _refuse)


class AbsentModule(ModuleType):
    """A module that is not here; every name it is asked for is an Absent."""

    def __getattr__(self, name: str) -> Absent:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.__dict__["_absent"]


def absent_module(name: str, absent: Absent) -> AbsentModule:
    """A stand-in for the module `name`."""
    module = AbsentModule(name)
    module.__dict__["_absent"] = absent
    return module


def leave_no_trace() -> None:
    """Take stand-ins out of `sys.modules`: libraries look there to see whether, say, NumPy is in use."""
    for name in [name for name, module in list(sys.modules.items()) if isinstance(module, AbsentModule)]:
        del sys.modules[name]


class Finder(MetaPathFinder, Loader):
    """Finds stand-ins for `roots`; a package of `ours` whose first lines use one is absent as a whole.

    say: makes the sentence of the error from the root that is missing.
    """

    def __init__(self, roots: set[str], ours: str, say: Callable[[str], str]) -> None:
        self.roots, self.ours, self.say = roots, ours, say

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name.partition(".")[0] in self.roots:
            return ModuleSpec(name, self, is_package=True)
        spec = PathFinder.find_spec(name, path) if name.startswith(f"{self.ours}.") else None
        if spec and spec.loader:
            spec.loader = _Lenient(spec.loader)
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return absent_module(spec.name, Absent(spec.name.partition(".")[0], self.say))

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""

    def arrived(self, roots: set[str]) -> None:
        """These can be imported now, and what was imported without them will be imported anew."""
        self.roots -= roots
        leave_no_trace()
        for name in [name for name in sys.modules if name.partition(".")[0] == self.ours]:
            del sys.modules[name]


class _Lenient(Loader):
    """Loads a module of ours; if its first lines use what is absent, the module is absent too."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def __getattr__(self, name: str) -> object:  # get_source and the like
        return getattr(self.loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        try:
            self.loader.exec_module(module)
        except NotInPage as missing:
            sentence = str(missing)
            stand_in = absent_module(module.__name__, Absent(missing.root, lambda root: sentence))
            stand_in.__spec__ = module.__spec__
            sys.modules[module.__name__] = stand_in
