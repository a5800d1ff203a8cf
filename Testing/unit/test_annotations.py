"""What is written into pictures: never over each other, read on any ground, in any script, with the right numbers."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from CastInterfaceLib.scene.image_words import (
    ImageWords,
    date_text,
    number_text,
    person_name,
    window_text,
    without_path,
)
from CastInterfaceLib.views import fonts, lettering
from CastInterfaceLib.views.anatomy import direction_letters, plane_names, turned_planes
from CastInterfaceLib.views.annotations import (
    MAX_LEGEND,
    SLICE_MISSING,
    STALE,
    Annotations,
    Text,
    annotate,
    draw_boxed,
    lay_out,
    readable,
)
from CastInterfaceLib.views.bidi import in_visual_order
from CastInterfaceLib.views.lettering import clean, drawable, elide, text_width

LONG = "T1 MPRAGE sagittal, a description of which nobody can see the end, with contrast"
FULL = Annotations(
    "Axial, oblique",
    (244, 100, 80),
    ImageWords("Müller-Lüdenscheidt, Jörg Karl Heinz", "PAT-00123456789", "2026-01-02", LONG, LONG, "10:32:05"),
    ("RP", "LA", "AH", "PF"),
    "S 12.5 mm",
    "W 400 L 40",
    missing_slice=True,
    legend=tuple((f"{LONG} {number}", (0, 0, 200)) for number in range(30)),
)
sizes = st.integers(64, 600) | st.sampled_from([256, 512, 1024, 2048, 4096])


def words(annotations: Annotations, width: int, height: int) -> list[str]:
    return [text.text for text in lay_out(annotations, width, height)]


# Where it stands


@settings(max_examples=60, deadline=None)
@given(sizes, sizes)
def test_no_text_lies_over_another_or_leaves_the_picture(width: int, height: int) -> None:
    texts = lay_out(FULL, width, height)
    for one, other in itertools.combinations(texts, 2):
        assert not one.overlaps(other)
    for text in texts:
        assert text.left >= 0 and text.left + text.width <= width
        assert text.stripe is not None or (text.top >= 0 and text.top + text.height <= height)
        assert text_width(text.text, text.size) <= text.width or text.stripe
    assert [text.text for text in texts[:1]] in (["NOT CONFIRMED since 10:32:05"], ["NOT CONFIRMED"]) or width < 100


@pytest.mark.parametrize("text", ["Ågjpqy|", "頭部", "مرحبا", "שלום", "Ђжщ", LONG])
@pytest.mark.parametrize("size", [10, 13, 23, 47])
def test_what_is_drawn_stays_in_its_box(text: str, size: int) -> None:
    width, height = text_width(text, size), lettering.line_height(size)
    image = Image.new("RGB", (width + 40, height + 40), (255, 255, 255))
    draw_boxed(ImageDraw.Draw(image), Text(text, size, (200, 200, 200), 20, 20, width, height))
    changed = (np.asarray(image) != 255).any(axis=2)
    inside = changed[20 : 20 + height, 20 : 20 + width].sum()
    assert inside > 20 and changed.sum() - inside <= 0.01 * inside  # a letter may lean out by a pixel


@pytest.mark.parametrize("size", [256, 512, 1024, 2048])
def test_everything_is_told_at_every_usual_size(size: int) -> None:
    told = " ".join(words(FULL, size, size))
    for part in ("NOT CONFIRMED since 10:32:05", "Axial", SLICE_MISSING, "RP", "LA", "AH", "PF", "2026-01-02"):
        assert part in told
    assert "S 12.5 mm" in told and "W 400 L 40" in told and "PAT-00" in told and "Müll" in told
    assert "T1 M" in told and "contrast" in told and "…" in told  # elided in the middle
    assert any(text.startswith("and ") and text.endswith(" more") for text in words(FULL, size, size))


def test_a_thumbnail_tells_what_must_not_be_overlooked() -> None:
    told = words(FULL, 160, 160)
    assert told[0] == "NOT CONFIRMED" and told[1].startswith("T1 MPRAGE") and told[1].endswith("…")
    assert {"Axial", "RP", "LA", "AH", "PF", SLICE_MISSING} < set(told)
    assert not any("Müller" in text or "PAT" in text for text in told)


def test_the_legend_tells_how_many_it_leaves_out() -> None:
    told = words(FULL, 1024, 1024)
    shown = [text for text in told if text.startswith("T1 M") and text[-1].isdigit()]
    assert len(shown) <= MAX_LEGEND and f"and {30 - len(shown)} more" in told
    few = Annotations("3D", (1, 1, 1), legend=(("Liver", (9, 9, 9)),))
    assert words(few, 1024, 1024) == ["3D", "Liver"]


def test_without_the_patient_no_picture_names_him() -> None:
    told = " ".join(words(FULL.without_patient(), 1024, 1024))
    assert "Müller" not in told and "PAT" not in told and "2026-01-02" in told


# That it can be read


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """WCAG 2's contrast ratio of two colours."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: np.ndarray) -> float:
    parts = np.asarray(color, float) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("ground", [0, 90, 205, 255])
@pytest.mark.parametrize("size", [160, 256, 1024])
def test_each_text_is_read_on_black_grey_and_white(ground: int, size: int) -> None:
    pixels = np.full((size, size, 3), ground, np.uint8)
    drawn = annotate(pixels, FULL)
    assert (pixels == ground).all()
    for text in lay_out(FULL, size, size):
        box = drawn[text.top : text.top + text.height, text.left : text.left + text.width].reshape(-1, 3)
        inked = box if text.stripe else box[(box != ground).any(axis=1)]
        letters = inked[np.argsort(inked.sum(axis=1))[-max(1, len(inked) // 50)]]
        around = text.stripe or inked[np.argsort(inked.sum(axis=1))[len(inked) // 20]]
        assert contrast(letters, np.array(around)) > 4.5, text
    assert tuple(drawn[1, 1]) == STALE


def test_dark_colours_are_made_lighter_and_light_ones_stay() -> None:
    assert readable((0, 0, 200))[2] >= 200 and min(readable((0, 0, 0))) >= 120
    assert readable((220, 220, 90)) == (220, 220, 90)


# In any script


@pytest.mark.parametrize(
    "text", ["Müller", "Кузнецов", "Παπαδόπουλος", "頭部", "김", "שלום", "محمد", "🧠 🫀", "ไทย", "T1"]
)
def test_no_character_is_dropped(text: str) -> None:
    shown = drawable(clean(text))
    for one in clean(text):
        assert one in shown or f"U+{ord(one):04X}" in shown
    assert text_width(text, 20) > 15


def test_what_no_font_has_is_shown_as_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "font_files", lambda: ())
    caches = (fonts.has_character, fonts.font_for, lettering._runs)
    for cache in caches:
        cache.cache_clear()
    try:
        assert drawable("T1 頭部 MRI") == "T1 U+982D U+90E8 MRI"
        assert drawable("頭x") == "U+982D x"
        assert elide("頭部" * 20, 20, 300).startswith("頭") and text_width("頭", 20) > text_width("U+98", 20)
    finally:
        for cache in caches:
            cache.cache_clear()


def test_a_font_that_has_the_character_is_used() -> None:
    found = [path for path in fonts.font_files() if fonts.has_character(path, "頭")]
    if not found:
        pytest.skip("no font with Chinese characters is installed (Debian: fonts-droid-fallback)")
    assert drawable("頭部") == "頭部" and fonts.font_for("頭部") in found
    assert len(lettering.text_runs("T1 頭部", 20)) >= 1


def test_damaged_fonts_and_those_of_one_size_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "bad.ttf").write_bytes(b"no font")
    assert fonts.load_font(tmp_path / "bad.ttf", 16) is None
    assert not fonts.has_character(tmp_path / "bad.ttf", "a")


def test_the_font_of_last_resort_is_no_font() -> None:
    assert not any("lastresort" in path.name.lower() for path in fonts.font_files())


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("T1 MPRAGE (3D)", "T1 MPRAGE (3D)"),
        ("אבג", "גבא"),
        ("אבג (12) דה", "הד (12) גבא"),
        ("T1 אבג mprage", "T1 גבא mprage"),
        ("אבג T1 MPRAGE דה", "הד T1 MPRAGE גבא"),
        ("T1 אב 12", "T1 12 בא"),
        ("\u0645\u062d\u0645\u062f", "\ufeaa\ufee4\ufea4\ufee3"),  # Muhammad: initial, medial, medial, final
        ("\u0644\u0627", "\ufefb"),  # lam and alef
    ],
)
def test_what_is_read_from_the_right_is_drawn_so(text: str, drawn: str) -> None:
    assert in_visual_order(text) == drawn


@given(st.text(max_size=30))
def test_any_text_can_be_laid_out(text: str) -> None:
    line = clean(text)
    assert "\n" not in line and line == clean(line)
    plain = "".join(one for one in line if not "\u0600" <= one <= "\u08ff")  # those are joined
    unmirrored = str.maketrans(")]}>»", "([{<«")
    assert sorted(in_visual_order(plain).translate(unmirrored)) == sorted(plain.translate(unmirrored))
    assert text_width(elide(line, 14, 120), 14) <= 120 or not line


# Words and numbers


@pytest.mark.parametrize(
    ("window", "level", "text"),
    [
        (400, 40, "W 400 L 40"),
        (1200.4, 200.2, "W 1200 L 200"),
        (7, 3.5, "W 7 L 3.5"),
        (0.0021, 0.00105, "W 0.0021 L 0.00105"),
        (0.7, 0.35, "W 0.7 L 0.35"),
        (25.25, -0.001, "W 25.2 L 0"),
        (4e9, 2e9, "W 4e+09 L 2e+09"),
        (1e-9, 5e-10, "W 1e-09 L 5e-10"),
    ],
)
def test_windows_have_as_many_decimals_as_they_need(window: float, level: float, text: str) -> None:
    assert window_text(window, level) == text


def test_odd_numbers_are_told_too() -> None:
    assert number_text(float("nan"), 1) == "nan" and number_text(5, 0) == "5"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/radiology/My Patients/doe john/t1.nii.gz", "t1.nii.gz"),
        (r"C:\Users\Doe\Images\t1.nii", "t1.nii"),
        (r"\\server\share\doe\t1.nii", "t1.nii"),
        ("file:///tmp/a/b.nrrd", "b.nrrd"),
        ("read from /tmp/a/b.nrrd here", "read from b.nrrd here"),
        ("T1/T2 map", "T1/T2 map"),
        ("ax t1 +/- fs", "ax t1 +/- fs"),
        ("b=0/1000 mm2/s", "b=0/1000 mm2/s"),
    ],
)
def test_no_folder_is_told(text: str, shown: str) -> None:
    assert without_path(text) == shown


def test_names_and_dates_are_written_as_they_are_read() -> None:
    assert person_name("Doe^John^Paul^Dr.^Jr") == "Doe, John Paul"
    assert person_name("Yamada^Tarou=山田^太郎=やまだ^たろう") == "Yamada, Tarou · 山田, 太郎 · やまだ, たろう"
    assert person_name("^^^^") == "" and person_name("Solo") == "Solo"
    assert date_text("20260102") == "2026-01-02" and date_text("") == "" and date_text("2026") == "2026"


# Planes

PLANES = {"Axial": (0, 0, 1), "Coronal": (0, 1, 0), "Sagittal": (1, 0, 0)}
INTO = {"Axial": (0, 0, 1), "Coronal": (0, -1, 0), "Sagittal": (1, 0, 0)}
turns = st.tuples(*[st.sampled_from([0, 45, 90, 135, 180, 30]) | st.floats(-180, 180)] * 3)


def directions(degrees: tuple[float, float, float], order: tuple[int, ...], signs: tuple[int, ...]) -> np.ndarray:
    turned = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        one, other = [index for index in range(3) if index != axis]
        turn = np.eye(3)
        turn[[one, one, other, other], [one, other, one, other]] = [
            np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        ]  # fmt: skip
        turned = turned @ turn
    return np.asarray((turned * signs)[:, list(order)])


@settings(max_examples=500)
@given(turns, st.permutations(range(3)), st.tuples(*[st.sampled_from([1, -1])] * 3))
def test_an_image_has_three_different_planes_whatever_its_directions(
    degrees: tuple[float, float, float], order: list[int], signs: tuple[int, ...]
) -> None:
    axes = directions(degrees, tuple(order), signs)
    planes = turned_planes(axes * [0.5, 1.5, 3.0])
    normals = [plane[:, 2] for plane in planes.values()]
    for name, plane in planes.items():
        assert np.allclose(plane.T @ plane, np.eye(3), atol=1e-9)
        assert np.abs(plane.T @ axes).max(axis=1) == pytest.approx(1)  # along the image's own axes
        into = np.cross(plane[:, 1], plane[:, 0])
        assert into @ INTO[name] > 0.3, "seen from the feet, the front, the left"
        assert plane[:, 2] @ PLANES[name] > 0 or plane[:, 2] @ PLANES[name] == pytest.approx(0, abs=1e-9)
    for one, other in itertools.combinations(normals, 2):
        assert abs(one @ other) < 1e-9
    for shuffled in itertools.permutations(range(3)):
        named = plane_names([normals[index] for index in shuffled])
        assert named == [list(planes)[index] for index in shuffled]


def test_slices_seen_beside_each_other_have_names_of_their_own_only_where_they_are_three_planes() -> None:
    turned = turned_planes(directions((0, 0, 45), (0, 1, 2), (1, 1, 1)))
    normals = [turned[name][:, 2] for name in ("Axial", "Coronal", "Sagittal")]
    assert plane_names([*normals, normals[0]]) == ["Axial", "Coronal", "Sagittal", "Axial"]
    assert plane_names([[0, 0, 1], [0, 0.5, 1]]) == ["Axial", "Axial"]
    assert plane_names([]) == []


def test_letters_of_a_picture_at_45_degrees() -> None:
    plane = turned_planes(directions((0, 0, 45), (0, 1, 2), (1, 1, 1)))["Axial"]
    assert {direction_letters(plane[:, 0]), direction_letters(plane[:, 1])} <= {"LP", "PL", "LA", "AL", "RA", "AR"}
