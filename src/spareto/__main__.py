"""`python -m spareto`: the command, where its script is not on the path."""

from spareto.cli import main

if __name__ == "__main__":
    main()
