"""The shop's settings, read once."""

from shared.config.settings import Service, Settings, SettingsError

__all__ = ["Service", "Settings", "SettingsError"]
