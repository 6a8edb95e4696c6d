"""Folders of which `make test-fast` runs a few: whole lives, each a good part of a second, and a program by itself."""

import pytest


def leave_to_make_test(items, folder, *, but=()):
    """Mark every test under `folder` slow, but for those marked `sample` and the files named."""
    for item in items:
        inside = folder in item.path.parents and item.path.name not in but
        if inside and item.get_closest_marker("sample") is None:
            item.add_marker(pytest.mark.slow)


def some(values, every):
    """Leave all but each `every`-th of a long row of parameters to `make prove`."""
    return [each if n % every == 0 else pytest.param(each, marks=pytest.mark.prove) for n, each in enumerate(values)]
