"""The package's command: `src.demo`."""

from src.command_line import run_command
from src.demo.__main__ import main


def run() -> None:
    """The entry point `light-landmarks`."""
    run_command(main)


if __name__ == "__main__":
    run()
