"""A local, stateful Stripe for demonstrations and tests: a company of its own, with its own books."""

from .app import create_sandbox
from .faults import FaultKind, FaultRule
from .sandbox import Sandbox
from .settings import SandboxSettings

__all__ = ["FaultKind", "FaultRule", "Sandbox", "SandboxSettings", "create_sandbox"]
