"""What goes wrong with the stack, said to the person who typed the command."""


class StackError(Exception):
    """A sentence that says what is wrong and what to do about it; the command ends with exit code 1."""
