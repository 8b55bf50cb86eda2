"""Download and verify real data, or an encoder that the kit knows by name."""

from .. import model_files
from ..datasets import sources


def command(*, dataset: list[str]) -> dict[str, list[str]]:
    """Fetch each, and say where its files are."""
    found = {}
    for name in dataset:
        if name in model_files.KNOWN:
            folder, form = model_files.folder(name)
            found[name] = [str(folder)]
            print(f"{name}: {form} in {folder}, verified")
            continue
        files = sources.fetch(name)
        found[name] = [str(path) for path in files]
        licence = sources.registry()[name, sources.paths(name)[0]].licence
        print(f"{name}: {len(files)} files verified; licence {licence}")
    return found
