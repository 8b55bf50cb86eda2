"""A value as TOML in one line, as the kit's own files have it: "" where there is none."""

import json


def as_toml(value) -> str:
    """An inline value."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_toml(name)} = {as_toml(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return repr(value) if isinstance(value, float) else json.dumps("" if value is None else value, ensure_ascii=False)


def toml_lines(record: dict) -> str:
    """A whole file."""
    return "".join(f"{as_toml(name)} = {as_toml(value)}\n" for name, value in record.items())
