"""Started in a clean interpreter: loads the app as Azure's worker does, and says what it found.

python -I start_package.py FOLDER ALLOWED: only the folder, the standard library and the packages of
ALLOWED (names of distributions, by commas) can be imported.
"""

import importlib.abc
import importlib.metadata
import json
import sys
from pathlib import Path

folder, allowed = Path(sys.argv[1]), set(sys.argv[2].split(","))


class OnlyWhatAzureInstalls(importlib.abc.MetaPathFinder):
    """Refuses modules that distributions outside of the allowed ones bring."""

    def __init__(self) -> None:
        self.refused = {
            module
            for module, owners in importlib.metadata.packages_distributions().items()
            if not {owner.lower().replace("_", "-").replace(".", "-") for owner in owners} & allowed
        }

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in self.refused:
            raise ModuleNotFoundError(f"Azure does not install {name}", name=name)


sys.meta_path.insert(0, OnlyWhatAzureInstalls())
sys.path.insert(0, str(folder))

import function_app  # noqa: E402

ours = {
    name: str(Path(module.__file__).resolve())
    for name, module in sys.modules.items()
    if getattr(module, "__file__", None)
    and name.partition(".")[0] in {"function_app", "functions", "shared", "wiring"}
}
sys.stdout.write(
    json.dumps(
        {
            "functions": sorted(f.get_function_name() for f in function_app.app.get_functions()),
            "elsewhere": sorted(n for n, p in ours.items() if not p.startswith(str(folder))),
            "modules": sorted({name.partition(".")[0] for name in sys.modules}),
        }
    )
)
