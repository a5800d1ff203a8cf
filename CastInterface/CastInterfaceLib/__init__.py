"""The image display: it opens and closes studies in a scene, draws views and answers what they show.

Floors, from the top: ``panels``, ``logic``, ``display``, ``views``, ``scene``, ``study``; an import goes down only.
``command`` starts a display without Slicer's window.
"""
