"""Keys and authorization levels, for a host that was started with `--enableAuth`.

Keys lie in `<state>/keys.json`, readable by the owner alone; they are made at random when they are
first needed. With the app setting `FUNCHOST_TEST_KEYS=true` the well-known keys of the Python
worker's own tests are used instead and nothing is written.
"""

import contextlib
import json
import secrets
from enum import IntEnum
from hmac import compare_digest
from pathlib import Path
from typing import Any

from funchost.state import write_private

__all__ = ["AuthorizationLevel", "Keys"]

_HOST = "host"
_SYSTEM = "system"
_TEST_DOCUMENT = {
    "master": "testMasterKey",
    "host": {"default": "testFunctionKey"},
    "system": {
        "eventgridextensionconfig_extension": "testSystemKey",
        "durabletask_extension": "testSystemKey",
    },
    "functions": {},
}


class AuthorizationLevel(IntEnum):
    ANONYMOUS = 0
    FUNCTION = 1
    ADMIN = 2

    @classmethod
    def of(cls, name: object) -> "AuthorizationLevel":
        """From a binding's `authLevel`; without one it is FUNCTION."""
        try:
            return cls[str(name or "FUNCTION").upper()]
        except KeyError:
            return cls.FUNCTION


class Keys:
    """All keys of one host. Names are found in any case; values are compared in constant time."""

    def __init__(self, state: Path, *, for_tests: bool = False) -> None:
        self._path = None if for_tests else state / "keys.json"
        self._version = 0
        self._document: dict[str, Any] = json.loads(json.dumps(_TEST_DOCUMENT))
        if self._path is not None:
            self._document = self._read_or_create(self._path)

    def _refresh(self) -> None:
        """Takes over what another process of this host has changed. Without the file, the keys of
        before stay in force."""
        with contextlib.suppress(FileNotFoundError):
            if self._path is not None and self._path.stat().st_mtime_ns != self._version:
                self._document = self._read_or_create(self._path)

    def level(self, key: str | None, function: str) -> AuthorizationLevel:
        """What `key` allows at `function`. No key is ANONYMOUS, and so is an unknown one."""
        if key is None:
            return AuthorizationLevel.ANONYMOUS
        self._refresh()
        if _same(key, self._document["master"]):
            return AuthorizationLevel.ADMIN
        known = (*self.function_keys(function).values(), *self._document[_HOST].values())
        if any(_same(key, value) for value in known):
            return AuthorizationLevel.FUNCTION
        return AuthorizationLevel.ANONYMOUS

    def is_master(self, key: str | None) -> bool:
        self._refresh()
        return key is not None and _same(key, self._document["master"])

    def is_system_key(self, key: str | None, extension: str) -> bool:
        if key is None:
            return False
        expected = self.system_key(extension)
        return _same(key, expected) or self.is_master(key)

    def system_key(self, extension: str) -> str:
        """The key of an extension's web hook, made when it is first asked for."""
        name = f"{extension.lower()}_extension"
        self._refresh()
        system = self._document[_SYSTEM]
        if name not in system:
            self.set(_SYSTEM, name, None)
        return str(system[name])

    @property
    def master(self) -> str:
        return str(self._document["master"])

    def renew_master(self, value: str | None) -> str:
        self._document["master"] = value or _new_key()
        self._save()
        return self.master

    def function_keys(self, function: str) -> dict[str, str]:
        keys: dict[str, str] = self._document["functions"].get(function.lower(), {})
        return keys

    def host_keys(self, scope: str) -> dict[str, str]:
        """`scope` is `host` (function keys of the whole host) or `system`."""
        keys: dict[str, str] = self._document[scope]
        return keys

    def set(self, scope: str, name: str, value: str | None, function: str | None = None) -> str:
        """Sets or makes a key and returns its value."""
        if function is None:
            keys = self._document[scope]
        else:
            keys = self._document["functions"].setdefault(function.lower(), {})
        keys[name.lower()] = value or _new_key()
        self._save()
        return str(keys[name.lower()])

    def delete(self, scope: str, name: str, function: str | None = None) -> bool:
        keys = self.host_keys(scope) if function is None else self.function_keys(function)
        found = keys.pop(name.lower(), None) is not None
        if found:
            self._save()
        return found

    def ensure_function_key(self, function: str) -> None:
        if not self.function_keys(function):
            self.set(_HOST, "default", None, function)

    def _read_or_create(self, path: Path) -> dict[str, Any]:
        try:
            self._version = path.stat().st_mtime_ns
            document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            document = {
                "master": _new_key(),
                _HOST: {"default": _new_key()},
                _SYSTEM: {},
                "functions": {},
            }
            write_private(path, json.dumps(document, indent=2))
        return document

    def _save(self) -> None:
        if self._path is not None:
            write_private(self._path, json.dumps(self._document, indent=2))
            self._version = self._path.stat().st_mtime_ns


def _new_key() -> str:
    return secrets.token_urlsafe(40)


def _same(given: str, expected: str) -> bool:
    return compare_digest(given.encode(), expected.encode())
