"""Prints a bearer token of the local issuer, and nothing else.

It signs with the key in the state folder, so it works whether or not the shop is running.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from funchost.pipes import run_quietly
from local.environment import STATE
from sandbox.oidc.store import SigningKeys
from sandbox.oidc.tokens import DEFAULT_LIFETIME, issue


class NoShopError(Exception):
    """The folder is no shop's state."""


@dataclass(frozen=True)
class Tokens:
    """Signs for the shop that was last served from a state folder."""

    state: Path
    issuer: str
    audience: str

    def token_for(
        self,
        subject: str,
        roles: Iterable[str] = (),
        email: str | None = None,
        lifetime: int = DEFAULT_LIFETIME,
    ) -> str:
        """`lifetime` in seconds."""
        return issue(
            SigningKeys(self.state),
            issuer=self.issuer,
            audience=self.audience,
            subject=subject,
            roles=roles,
            email=email,
            lifetime=lifetime,
        )


def tokens_of(state: Path) -> Tokens:
    """Raises NoShopError."""
    try:
        said = json.loads((state / "shop.json").read_text("utf-8"))
        return Tokens(state, str(said["issuer"]), str(said["audience"]))
    except (OSError, ValueError, TypeError, KeyError):
        raise NoShopError(
            f"No shop has been started in {state}: run `python3 dev.py run` first,"
            " or name its folder with --state."
        ) from None


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        tokens = tokens_of(Path(options.state))
    except NoShopError as error:
        print(error, file=sys.stderr)
        return 2
    print(tokens.token_for(options.subject, options.role, options.email, options.expires))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py token", description=(__doc__ or "").strip())
    parser.add_argument(
        "--role", action="append", default=[], metavar="ROLE", help="may be given more than once"
    )
    parser.add_argument(
        "--subject", default="local-user", metavar="NAME", help="default: local-user"
    )
    parser.add_argument("--email", metavar="ADDRESS")
    parser.add_argument(
        "--state", default=STATE, metavar="DIR", help="default: .local, beside dev.py"
    )
    parser.add_argument(
        "--expires",
        type=int,
        default=DEFAULT_LIFETIME,
        metavar="SECONDS",
        help=f"from now; a negative number makes an expired token (default: {DEFAULT_LIFETIME})",
    )
    return parser


if __name__ == "__main__":
    sys.exit(run_quietly(main))
