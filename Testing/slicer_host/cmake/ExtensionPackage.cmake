# Slicer makes the package from what is installed; there is nothing to do here.
