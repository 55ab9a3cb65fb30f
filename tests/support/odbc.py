"""What tests with SQL Server's driver need of the machine."""

import ctypes

import pytest


def _has_unixodbc() -> bool:
    try:
        ctypes.CDLL("libodbc.so.2")
    except OSError:
        return False
    return True


needs_unixodbc = pytest.mark.skipif(
    not _has_unixodbc(), reason="unixODBC is needed for SQL Server's driver (Debian: libodbc2)"
)
