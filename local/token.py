"""Prints a bearer token of the local issuer, and nothing else.

It signs with the key in the state folder, so it works whether or not the shop is running.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from local.environment import STATE
from sandbox.oidc.store import SigningKeys
from sandbox.oidc.tokens import DEFAULT_LIFETIME, issue


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    state = Path(options.state)
    try:
        shop = json.loads((state / "shop.json").read_text("utf-8"))
        issuer, audience = str(shop["issuer"]), str(shop["audience"])
    except (OSError, ValueError, TypeError, KeyError):
        print(
            f"No shop has been started in {state}: run `python3 dev.py run` first,"
            " or name its folder with --state.",
            file=sys.stderr,
        )
        return 2
    print(
        issue(
            SigningKeys(state),
            issuer=issuer,
            audience=audience,
            subject=options.subject,
            roles=options.role,
            email=options.email,
            lifetime=options.expires,
        )
    )
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
    sys.exit(main())
