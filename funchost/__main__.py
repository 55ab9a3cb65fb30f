import sys

from funchost.pipes import run_quietly

NEEDED = ("azure", "httptools", "starlette", "uvicorn", "uvloop")


def run() -> int:
    try:
        from funchost.cli import main

        return run_quietly(main)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in NEEDED:
            raise
        sys.exit(
            f"funchost needs the package {package}. The shop's own Python has it, .venv/bin/python,"
            " which `python3 dev.py` makes; elsewhere, `pip install -r requirements-dev.txt`."
        )


if __name__ == "__main__":
    sys.exit(run())
