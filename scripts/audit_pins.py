"""Ask for known vulnerabilities of everything that is pinned in `requirements/`.

The registry that pip is set up with must tell of them (PyPI does; a mirror may not, and that is
an error, not a clean bill).
"""

from __future__ import annotations

import subprocess
import sys

from pipeline.environments import environment
from pipeline.root import ROOT


def main() -> int:
    """Look into each file, since two may pin different versions; name those that are not clean."""
    program = environment("audit") / "pip-audit"
    # Strict: a package of which nothing is known is a failure, too.
    options = ("--strict", "--disable-pip", "--require-hashes", "--progress-spinner", "off")
    unclean = []
    for pins in sorted((ROOT / "requirements").glob("*.txt")):
        print(f"{pins.relative_to(ROOT)}:", flush=True)
        if subprocess.run([program, *options, "--requirement", pins], check=False).returncode:
            unclean.append(pins.name)
    if unclean:
        print(f"Not clean, or not known: {', '.join(unclean)}")
    return 1 if unclean else 0


if __name__ == "__main__":
    sys.exit(main())
