"""Words in a view of Slicer's own window: whose image it is, and what must not be overlooked. Main thread only.

Slicer's own corner annotations need its DICOM database and know no marks. Ours stand at the top, between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import vtk
from PIL import Image, ImageDraw
from vtkmodules.util.numpy_support import numpy_to_vtk

from CastInterfaceLib.scene.image_words import ImageWords, words_of
from CastInterfaceLib.scene.volumes import STUDY
from CastInterfaceLib.views.annotations import WHITE, Text, draw_boxed, marks_of
from CastInterfaceLib.views.lettering import clean, elide, line_height, text_width

# Pixels of a text, whatever the view's size: it is read on a screen.
SIZE = 13

# Drawn after everything else that lies over a view.
_ON_TOP = 1000


class ScreenWords:
    """The words of one view.

    Args:
        window: the view's ``vtkRenderWindow``.
        volume: the volume node that the view shows now, or None.
        patient_text: whether the patient's name and ID are shown.
        draw: has the view drawn again soon.
    """

    def __init__(
        self,
        window: Any,
        volume: Callable[[], Any],
        patient_text: Callable[[], bool],
        draw: Callable[[], object],
    ) -> None:
        self._window = window
        self._volume = volume
        self._patient_text = patient_text
        self._draw = draw
        self._shown: tuple[ImageWords, tuple[int, ...]] | None = None
        self._hiding = False
        self._watched = vtk.vtkWeakReference()
        self._tag = 0
        self._actor = vtk.vtkActor2D()
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._actor.SetMapper(self._mapper)
        self._actor.SetLayerNumber(_ON_TOP)
        self._actor.VisibilityOff()
        self._renderer = window.GetRenderers().GetFirstRenderer()
        self._renderer.AddViewProp(self._actor)
        self._start = self._renderer.AddObserver(vtk.vtkCommand.StartEvent, lambda *_: self.update())

    def update(self) -> None:
        """Bring the words up to date; before each time the view is drawn."""
        if self._hiding:
            return
        volume = self._volume()
        self._watch(volume)
        words, size = self._words(volume), tuple(self._window.GetSize())
        if (words, size) == self._shown:
            return
        self._shown = (words, size)
        strip = picture_of(words, size[0])
        self._actor.SetVisibility(strip is not None)
        if strip is None:
            return
        image = vtk.vtkImageData()
        image.SetDimensions(strip.shape[1], strip.shape[0], 1)
        flat = np.ascontiguousarray(strip[::-1]).reshape(-1, 4)
        image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True))
        self._mapper.SetInputData(image)
        self._actor.SetPosition((size[0] - strip.shape[1]) // 2, size[1] - strip.shape[0])

    def _words(self, volume: Any) -> ImageWords:
        """What is to be shown: of an image that belongs to a study, and of no other volume."""
        if volume is None or not volume.GetAttribute(STUDY):
            return ImageWords()
        words = words_of(volume)
        return words if self._patient_text() else words.without_patient()

    def _watch(self, volume: Any) -> None:
        """Have the view drawn again when the volume's attributes change, as when the hub is lost."""
        watched = self._watched.Get()  # weak: a node that left the scene is not kept
        if volume is watched:
            return
        if watched is not None:
            watched.RemoveObserver(self._tag)
        self._watched.Set(volume)
        if volume is not None:
            self._tag = volume.AddObserver(vtk.vtkCommand.ModifiedEvent, self._modified)

    def _modified(self, volume: Any, event: str) -> None:
        if self._shown is not None and self._words(volume) != self._shown[0]:
            self._draw()

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """While pictures are taken that go elsewhere: neither our words nor Slicer's own corner annotations."""
        shown = [prop for prop in _words_in(self._window) if prop.GetVisibility()]
        shown += [self._actor] if self._actor.GetVisibility() else []
        self._hiding = True
        for prop in shown:
            prop.VisibilityOff()
        try:
            yield
        finally:
            for prop in shown:
                prop.VisibilityOn()
            self._hiding = False

    def close(self) -> None:
        """Take the words away."""
        self._watch(None)
        self._renderer.RemoveObserver(self._start)
        self._renderer.RemoveViewProp(self._actor)


def _words_in(window: Any) -> Iterator[Any]:
    """The corner annotations of a window; those of Slicer's DataProbe name the patient."""
    renderers = window.GetRenderers()
    for renderer in [renderers.GetItemAsObject(index) for index in range(renderers.GetNumberOfItems())]:
        props = renderer.GetViewProps()
        for prop in [props.GetItemAsObject(index) for index in range(props.GetNumberOfItems())]:
            if prop.IsA("vtkCornerAnnotation"):
                yield prop


def picture_of(words: ImageWords, width: int) -> np.ndarray | None:
    """The words as pixels (rows from the top, columns, 4) uint8 for the top of a view; None when there are none."""
    texts, top = [], 0
    for long, _, color, stripe in marks_of(words):
        text = elide(clean(long), SIZE, width - SIZE, from_end=True)
        texts.append(Text(text, SIZE, color, 0, top, width, line_height(SIZE), stripe))
        top += line_height(SIZE)
    for parts in ((words.patient_name, words.patient_id), (words.description, words.study_date)):
        text = elide(clean("  ·  ".join(part for part in parts if part)), SIZE, width - SIZE)
        if text:
            across = text_width(text, SIZE)
            texts.append(Text(text, SIZE, WHITE, (width - across) // 2, top, across, line_height(SIZE)))
            top += line_height(SIZE)
    if not texts:
        return None
    image = Image.new("RGBA", (width, top))
    draw = ImageDraw.Draw(image)
    for one in texts:
        draw_boxed(draw, one)
    return np.asarray(image)
