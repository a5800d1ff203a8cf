"""A provider script: a Python file with a function ``onMessage(message, context)``.

The provider only reads the file; it is run by job processes, anew for each message, so that an edited script counts
from the next message on.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

from CastLib.errors import CastError
from CastLib.version import __version__

OnMessage = Callable[[dict[str, Any], Any], object]

SKELETON = '''"""What this service does, in one line: it is shown as the service's description."""

# Try it:    cast provide {file}
# and ask:   cast send dicom-send FOLDER --target-product {name} --wait

__version__ = "0.1"


def onMessage(message, context):
    """Called once for each dicom-send or nifti-send to this service, in a process of its own.

    message              what came, a dict: message["event"]["hub.event"], message["subscriber.name"] is who asks
    context.files()      fetches the files and returns their paths; context.files(choose=lambda entry: ...) only some
    context.directory    a folder of this job's own, removed afterwards
    context.progress()   a line for the one who asks; the number is how far the work is, 0 to 1
    context.send_files() sends result files to the one who asks
    context.cancelled()  True when the service is about to stop
    return path          the same as context.send_files([path]); a list of paths may be returned too
    An exception ends the job; its text is shown to the one who asks. So does an end without any result or line.
    """
    files = context.files()
    context.progress(f"Working on {{len(files)}} files", 0.5)

    # Read the files sorted:     from CastLib.dicom.series import read_series
    # Write a DICOM SEG:         from CastServiceProviderLib.segmentation_result import write_segmentation
    # As an example, the files go back as they came:
    context.send_files(files, event=message["event"]["hub.event"])
'''


@dataclass(frozen=True, slots=True)
class Script:
    """A script as its text says: ``description`` is its docstring's first line, ``version`` its ``__version__``."""

    path: Path
    name: str
    description: str
    version: str


def read_script(path: str | Path) -> Script:
    """Return the script at ``path`` without running it.

    Raises CastError when it cannot be read, is no Python (naming the line), has no ``onMessage(message, context)``, or
    a name under which it would stand for another module.
    """
    path = Path(path).absolute()
    try:
        text = path.read_bytes()
    except OSError as error:
        raise CastError(f"{path}: {(error.strerror or type(error).__name__).lower()}") from None
    try:
        tree = ast.parse(text, str(path))
    except SyntaxError as error:
        raise CastError(f"{path}, line {error.lineno or 1}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:  # zero bytes, or nested beyond the parser
        raise CastError(f"{path}: is no Python script ({error or type(error).__name__})") from None
    _check_name(path, tree)
    _check_on_message(path, tree)
    description = (ast.get_docstring(tree) or "").strip().partition("\n")[0]
    return Script(path, path.stem, description, _constant(tree, "__version__") or __version__)


def load_on_message(path: Path) -> OnMessage:
    """Run the script's text and return its ``onMessage``; raises CastError, and what the script raises."""
    script = read_script(path)
    spec = importlib.util.spec_from_file_location(script.name, script.path)
    if spec is None or spec.loader is None:
        raise CastError(f"{path}: must end in .py")
    spec.loader = _FromText(script.name, str(script.path))
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(script.path.parent))
    sys.modules[script.name] = module
    spec.loader.exec_module(module)
    function: OnMessage = module.onMessage
    return function


class _FromText(SourceFileLoader):
    """Runs the text as it is now, and leaves nothing beside it.

    Python keeps compiled code and takes it again for a file of the same size and second: an edit could be passed over.
    """

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def write_skeleton(path: str | Path) -> Path:
    """Write a commented script to begin with; raises CastError when the file exists already or cannot be written."""
    path = Path(path)
    if path.suffix != ".py":
        raise CastError(f"{path}: a script's name must end in .py")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(SKELETON.format(file=path.name, name=path.stem))
    except FileExistsError:
        raise CastError(f"{path}: exists already; it is not overwritten") from None
    except OSError as error:
        raise CastError(f"{path}: {(error.strerror or type(error).__name__).lower()}") from None
    return path


def _check_name(path: Path, tree: ast.Module) -> None:
    """A script is a module under its own name: whoever imports that name gets the script."""
    if path.stem in sys.stdlib_module_names:
        raise CastError(f"{path}: stands for Python's own module {path.stem}: give the script another name")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        else:
            continue
        if path.stem in (name.partition(".")[0] for name in names):
            where = f"{path}, line {node.lineno}"
            raise CastError(f"{where}: imports {path.stem}, which is the script itself: give the script another name")


def _check_on_message(path: Path, tree: ast.Module) -> None:
    for node in tree.body:
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "onMessage":
            raise CastError(f"{path}, line {node.lineno}: onMessage must be a plain function, not async")
        if isinstance(node, ast.FunctionDef) and node.name == "onMessage":
            arguments = node.args
            least = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
            most = len(arguments.posonlyargs) + len(arguments.args)
            if least > 2 or (most < 2 and arguments.vararg is None):
                raise CastError(f"{path}, line {node.lineno}: onMessage must take (message, context)")
            if _yields(node.body):
                raise CastError(f"{path}, line {node.lineno}: onMessage must be a plain function, without yield")
            return
    if not _imports_or_assigns(tree, "onMessage"):
        raise CastError(f"{path}: has no function onMessage(message, context)")


def _yields(nodes: Iterable[ast.AST]) -> bool:
    """Tell whether a function of this body is a generator: what is defined in it has its own yields."""
    own = [node for node in nodes if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))]
    return any(isinstance(node, (ast.Yield, ast.YieldFrom)) or _yields(ast.iter_child_nodes(node)) for node in own)


def _imports_or_assigns(tree: ast.Module, name: str) -> bool:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and any((alias.asname or alias.name) == name for alias in node.names):
            return True
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            return True
    return False


def _constant(tree: ast.Module, name: str) -> str:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                return node.value.value
    return ""
