"""`python -m orchvynt`: the same as the command `orchvynt`."""

from orchvynt.assembly.main import main

if __name__ == "__main__":
    main()
