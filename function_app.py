"""What Azure Functions loads, and the local host, and `func start`."""

from shared.config import Settings
from wiring import create_app

app = create_app(Settings.from_env())
