"""Networks of the user's own code: `factory:package.module:function`, called with the number of classes.

Importing a module runs it, so only modules that the site's settings list are imported. A run records the digest of the
module's source; a host that lacks the module, or has another version of it, leaves the run to others.
"""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from analysis.durable import sha256_file
from analysis.sweep.errors import CheckpointError, HostError
from analysis.sweep.spec import FACTORY

if TYPE_CHECKING:
    from torch import nn

SETTING = "FACTORY_MODULES"
_allowed: set[str] = set()


def allow(modules: Iterable[str]) -> None:
    """List modules that may be imported, beside those that are listed."""
    _allowed.update(name.strip() for name in modules if name.strip())


def make_network(architecture: str, n_classes: int) -> "nn.Module":
    """Call the function of the user's own code.

    Raises
    ------
    HostError: the module is not listed or not there on this host.
    CheckpointError: no such function, an error in it, or something that is no network.
    """
    from torch import nn

    function = _function(architecture)
    try:
        made = function(n_classes)
    except Exception as error:  # the user's code may raise anything
        raise CheckpointError(f"{architecture}: expected a network, got the error '{error}'") from error
    if not isinstance(made, nn.Module):
        raise CheckpointError(f"{architecture}: expected a torch.nn.Module, got {type(made).__name__}")
    return made


def source_digest(architecture: str) -> str:
    """Return the SHA-256 of the source file of an architecture's module; "" for one of a library.

    Raises
    ------
    HostError, CheckpointError: as `make_network`.
    """
    if not architecture.startswith(FACTORY):
        return ""
    function = _function(architecture)
    # What is no function or class itself, as a functools.partial, is what its module makes it.
    written = inspect.isfunction(function) or inspect.isclass(function)
    module = sys.modules[architecture.removeprefix(FACTORY).partition(":")[0]]
    return sha256_file(Path(inspect.getfile(function if written else module)))


def allowed(module: str) -> bool:
    """Say whether a module may be imported."""
    return module in _allowed


def listed_module(what: str, module: str) -> ModuleType:
    """Import a module of the user's own code for `what` (in messages).

    Raises
    ------
    HostError: it is not listed on this host, is not there, or fails while it is imported.
    """
    from analysis.sweep.networks.torchvision_import import torchvision_models

    if module not in _allowed:
        raise HostError(
            f"{what}: expected a module that {SETTING} lists, got {module!r}; it lists "
            f"{', '.join(sorted(_allowed)) or 'none'} on this host"
        )
    try:
        torchvision_models()  # own code may import it
        return importlib.import_module(module)
    except Exception as error:  # a module that is not there, or one that fails while it is imported
        raise HostError(f"{what}: expected the module {module}, got the error '{error}'") from error


def _function(architecture: str) -> "Callable[[int], nn.Module]":
    module, _, name = architecture.removeprefix(FACTORY).partition(":")
    found = getattr(listed_module(architecture, module), name, None)
    if not callable(found):
        raise CheckpointError(f"{architecture}: expected a function or class {name!r} in {module}, got none")
    function: Callable[[int], nn.Module] = found
    return function
