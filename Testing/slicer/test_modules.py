"""What is asked of each of the three modules alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from slicer_host import Host

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("CastInterface", "CastServiceProvider", "CastHub")
each_module = pytest.mark.parametrize("name", MODULES)


@each_module
def test_a_module_describes_itself(host: Host, name: str) -> None:
    module = host.load_module(name).object
    assert module.title
    assert module.categories == ("Informatics",)
    assert len(module.helpText) > 50
    assert not module.icon.isNull()
    assert set(module.dependencies) <= set(MODULES) - {name}


@each_module
def test_a_panel_fits_into_400_pixels_in_light_and_dark(host: Host, name: str) -> None:
    module = host.load_module(name)
    for dark in (False, True):
        host.set_dark(dark)
        host.grab(module, f"{name}-{'dark' if dark else 'light'}.png", width=400)
        assert not host.scrolls_sideways()


@each_module
def test_the_self_test_passes_and_passes_after_a_reload(host: Host, name: str) -> None:
    module = host.load_module(name)
    module.test()
    before = module.file
    host.reload(module)
    assert module.file is not before
    module.test()


@each_module
def test_a_module_goes_without_a_trace(host: Host, name: str) -> None:
    host.load_module(name)
    host.unload_all()
    assert host.leftovers(5) == []
