"""Builds a plugin project into a component: ``python -m dpone_sdk.build``.

Nothing of a plugin imports this; it runs on the machine that builds, with the extra
``dpone-sdk[build]``.
"""

from .componentize import build
from .project import BuildError, Project

__all__ = ["BuildError", "Project", "build"]
