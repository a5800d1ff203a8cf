"""Run a user's ``onMessage`` script over what a Cast hub delivers: each job in a process of its own.

Nothing here imports Slicer or Qt. ``provider`` is the role on the wire, ``jobs`` the queue, ``job_process`` what runs
inside a job, ``context`` what a script sees, ``segmentation_result`` a script's labels as a DICOM Segmentation.
"""
