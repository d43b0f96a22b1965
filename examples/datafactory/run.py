"""Plays the examples against a server, several at once, and says what differs from what they expect.

``python examples/datafactory/run.py [--server URL] [--files DIRECTORY] [NAME …]``: exit code 1 when anything differs. README.md tells how to
start a server for them.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from play import Stage, needs_files, play
from world import open_world

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Play the examples that are named, or all; return the exit code."""
    asked = _arguments()
    folders = [folder for folder in _examples() if not asked.names or folder.name in asked.names]
    unknown = set(asked.names) - {folder.name for folder in folders}
    if unknown:
        print(f"There is no example {', '.join(sorted(unknown))}. There are: {', '.join(f.name for f in _examples())}")
        return 1
    left_out = [] if asked.files else [folder for folder in folders if needs_files(folder)]
    for folder in left_out:
        print(f"left out  {folder.name}: it reads files; name a folder that the server may read with --files")
    differ = 0
    with open_world() as world, ThreadPoolExecutor(asked.at_once) as pool:
        stage = Stage(asked.server, world, str(Path(asked.files).resolve()) if asked.files else "", asked.token)
        for one in pool.map(lambda folder: play(folder, stage), [f for f in folders if f not in left_out]):
            print(
                f"{'differs' if one.differences else 'ok':8}  {one.name}  ({one.seconds:.1f} s, factory {one.factory})"
            )
            for text in one.differences:
                print(f"          {text}")
            differ += bool(one.differences)
    print(f"{len(folders) - len(left_out)} played, {differ} differ")
    return 1 if differ else 0


def _examples() -> list[Path]:
    return sorted(path.parent for path in HERE.glob("*/run.json"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="examples to play (default: all)")
    parser.add_argument("--server", default="http://127.0.0.1:8080", help="the server (default: %(default)s)")
    parser.add_argument("--files", default="", help="a folder that the server may read (HEADRACE_FILE_ROOTS)")
    parser.add_argument("--token", default="", help="what the server knows the caller by, if it asks")
    parser.add_argument("--at-once", type=int, default=8, help="how many are played at once (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
