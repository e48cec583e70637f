"""Parts of a page of the book that a tool writes: they stand between two comments that name them."""


def put(page: str, name: str, text: str) -> str:
    """The page with `text` as its part `name`. Raises: ValueError for a page without this part."""
    begin, end = f"% {name}: begin\n", f"% {name}: end\n"
    above, rest = page.split(begin)
    _, below = rest.split(end)
    return f"{above}{begin}\n{text}\n\n{end}{below}"
