"""The image display: opening and closing studies in a scene, drawing views, telling what they show.

A tour: ``command`` starts it, ``image_display`` is the role, ``host`` what it needs of the place it runs in, and
``host_engine`` the room for Slicer's engine alone.
"""
