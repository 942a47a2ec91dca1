"""`python -m vadcli` is `vad`."""

from vadcli.cli.app import main

main()
