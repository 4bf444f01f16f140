"""The engine of this machine."""

from siwei.compute.local.engine import LocalEngine

__all__ = ["LocalEngine"]
