import sys

try:
    from funchost.cli import main
except ModuleNotFoundError as error:
    sys.exit(
        f"funchost needs the package {error.name}; `pip install -r requirements-dev.txt` has it."
    )

if __name__ == "__main__":
    sys.exit(main())
