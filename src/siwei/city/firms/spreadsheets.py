"""Text that goes into a spreadsheet must stay text: a cell that begins a formula would run on its reader's machine."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def neutralise_formulas(cell: str) -> str:
    """An apostrophe before what a spreadsheet would run (OWASP, CSV injection); a plain number keeps its sign."""
    bare = cell.lstrip(" \u3000\ufeff")
    if not bare.startswith((*FORMULA_STARTS, "＝", "＋", "－", "＠")):
        return cell
    try:
        float(bare)
    except ValueError:
        return f"'{cell}"
    return cell
