import pytest

from local import api_document


@pytest.fixture(scope="session")
def api_documents() -> None:
    """They are written for each deployment, and templates load them."""
    api_document.write()
