"""All settings of a run in one model, and the four places they come from."""

from mlmaster.settings.layers import Resolved, load_settings
from mlmaster.settings.model import BudgetSettings, Settings, TaskSettings

__all__ = ["BudgetSettings", "Resolved", "Settings", "TaskSettings", "load_settings"]
