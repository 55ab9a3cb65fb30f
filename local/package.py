"""Makes the zip that Azure's Flex Consumption takes: the app, and nothing that .funcignore names.

azd makes one of its own from the same list; this one is for deploying by hand (`az functionapp
deployment source config-zip --build-remote true`) and for the tests. Azure installs
requirements.txt, so no package is inside. The same files give the same bytes.
"""

import argparse
import fnmatch
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / ".package" / "bookstore.zip"
NEEDED = ("function_app.py", "host.json", "requirements.txt")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_READABLE_FILE = 0o100644 << 16


def ignored(root: Path) -> list[str]:
    """The patterns of .funcignore, each a name at any depth; what else Git knows is refused."""
    lines = (line.strip() for line in (root / ".funcignore").read_text("utf-8").splitlines())
    patterns = [line for line in lines if line and not line.startswith("#")]
    for pattern in patterns:
        if "/" in pattern or pattern.startswith("!"):
            raise ValueError(f".funcignore: {pattern} is more than a name")
    return patterns


def files(root: Path) -> Iterator[Path]:
    """What goes in, relative to the root, in order."""
    yield from _below(root, root, ignored(root))


def _below(root: Path, folder: Path, patterns: Sequence[str]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if any(fnmatch.fnmatchcase(path.name, pattern) for pattern in patterns):
            continue
        if path.is_dir():
            yield from _below(root, path, patterns)
        else:
            yield path.relative_to(root)


def package(output: Path, root: Path = ROOT) -> int:
    """How many files are in it."""
    output.parent.mkdir(parents=True, exist_ok=True)
    names = list(files(root))
    if lacking := [name for name in NEEDED if Path(name) not in names]:
        raise ValueError(f"the package lacks {', '.join(lacking)}")
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            entry = zipfile.ZipInfo(name.as_posix(), _LONG_AGO)
            entry.external_attr = _READABLE_FILE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, (root / name).read_bytes())
    return len(names)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="dev.py package", description=(__doc__ or "").strip())
    parser.add_argument("--output", type=Path, default=OUTPUT)
    output = parser.parse_args(arguments).output.resolve()
    count = package(output)
    print(f"{output}: {count} files, {output.stat().st_size // 1024} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
