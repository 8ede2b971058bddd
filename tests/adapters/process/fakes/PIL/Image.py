"""PIL.Image as far as scripts/adapters uses it."""


class open:
    def __init__(self, path):
        with builtin_open(path, "rb"):
            pass

    def convert(self, mode):
        return f"an {mode} picture"


import builtins

builtin_open = builtins.open
