"""All settings of a run in one model, and the four places they come from."""

from mlmaster.settings.layers import Layered, Resolved, load_settings
from mlmaster.settings.model import BudgetSettings, Settings

__all__ = ["BudgetSettings", "Layered", "Resolved", "Settings", "load_settings"]
