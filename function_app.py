"""What Azure Functions loads, and the local host, and `func start`."""

from wiring import create_app

from shared.config import Settings

app = create_app(Settings.from_env())
