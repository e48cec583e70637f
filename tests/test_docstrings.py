"""Examples in docstrings are claims like any other."""

import doctest
import importlib
import pkgutil

import pytest

import coursekit

MODULES = [module.name for module in pkgutil.iter_modules(coursekit.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name):
    assert doctest.testmod(importlib.import_module(f"coursekit.{name}")).failed == 0


def test_there_are_examples_to_run():
    modules = [importlib.import_module(f"coursekit.{name}") for name in MODULES]
    finder = doctest.DocTestFinder(exclude_empty=True)
    assert sum(bool(test.examples) for module in modules for test in finder.find(module)) > 10
