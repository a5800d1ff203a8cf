"""Patients and studies in Slicer's subject hierarchy, the tree of its module "Data": those that are empty go.

Slicer's DICOM loaders put a volume under its study and patient, with name and birth date. Slicer leaves both there when
the volume goes, and the next patient's images would be read beside them.
"""

from __future__ import annotations

from typing import Any

_LEVELS = ("Study", "Patient")


def take_out(scene: Any, node: Any) -> int:
    """Take a node that is about to be removed out of the tree; the folder it was in, 0 when it was in none."""
    tree = _tree(scene)
    item = tree.GetItemByDataNode(node) if tree is not None else 0
    if not item:
        return 0
    folder = tree.GetItemParent(item)
    tree.RemoveItem(item, False, False)
    return int(folder)


def remove_empty(scene: Any, folder: int) -> None:
    """Remove a study that has nothing in it any more, and so its patient; a folder of the user's own stays."""
    tree = _tree(scene)
    while tree is not None and folder and tree.GetItemLevel(folder) in _LEVELS:
        if tree.GetNumberOfItemChildren(folder):
            return
        parent = int(tree.GetItemParent(folder))
        tree.RemoveItem(folder, False, False)
        folder = parent


def _tree(scene: Any) -> Any:
    return scene.GetFirstNodeByClass("vtkMRMLSubjectHierarchyNode")
