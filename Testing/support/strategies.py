"""Hypothesis strategies that several tests draw from."""

from hypothesis import strategies as st

#: Any JSON value, with keys that are hard on a scanner.
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('abc[]{}"\\', max_size=4), inner, max_size=4),
    max_leaves=20,
)
