"""``python -m slicer_host.installed FOLDER``: all of an installed extension can be imported from its folder alone.

First the imports are read, those inside functions too: each file of the product that one names must be there. Then
the stand-in loads the modules and every file is imported. What is wrong is told, a line each; exit code 1.
"""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

MODULES = ("CastInterface", "CastServiceProvider", "CastHub")


def product_names(folder: Path) -> dict[str, Path]:
    """The dotted names of the Python files, but for those in Resources, and where they are."""
    names = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if parts[0] != "Resources":
            names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def absent(names: dict[str, Path]) -> list[str]:
    """What the files import of the product and is not there."""
    tops = {name.partition(".")[0] for name in names}
    found = []
    for name, path in names.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            wanted = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                wanted = [node.module]
            found += [
                f"{name} imports {one}, which is not installed"
                for one in wanted
                if one.partition(".")[0] in tops and one not in names
            ]
    return found


def not_from(folder: Path, names: dict[str, Path]) -> list[str]:
    """Start the stand-in for Slicer on the folder, import everything; what cannot be, or comes from elsewhere."""
    from slicer_host import start_host

    host = start_host(packages=[folder])
    for module in MODULES:
        _ = host.load_module(module, folder).widget
    found = []
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            found.append(f"{name} cannot be imported: {type(error).__name__}: {error}")
    tops = {name.partition(".")[0] for name in names}
    for name, module in list(sys.modules.items()):
        place = getattr(module, "__file__", None)
        if name.partition(".")[0] in tops and place and folder not in Path(place).resolve().parents:
            found.append(f"{name} comes from {place}")
    host.quit()
    return found


def main() -> int:
    """Run; the exit code."""
    folder = Path(sys.argv[1]).resolve()
    # The source tree may be installed in this Python as an editable project, and would hide what is missing.
    sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in getattr(finder, "__module__", "")]
    names = product_names(folder)
    problems = absent(names) or not_from(folder, names)
    print(*problems, f"{len(names)} files", sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
