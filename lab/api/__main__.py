"""`python -m lab.api --state-dir DIR [--topology FILE]`: serve a topology's API until told to end."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from lab.api.run import READY, serve
from lab.topology import DEFAULT, load


def main(arguments: list[str] | None = None) -> int:
    """Run the server; it prints one line when it listens. 0 when told to end, 1 with one line on stderr otherwise."""
    parser = argparse.ArgumentParser(prog="python -m lab.api", description="The lab's Kubernetes API server.")
    parser.add_argument("--state-dir", type=Path, required=True, help="where kubeconfig and the control socket appear")
    parser.add_argument("--topology", type=Path, default=DEFAULT, help="what to serve (default: the seed's lab)")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(serve(options.state_dir, load(options.topology), ready=lambda: print(READY, flush=True)))
    except (OSError, ValueError) as error:
        print(f"the lab's API server cannot serve: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
