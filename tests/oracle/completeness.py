"""38, from the table of rows committed and written by UTC day (R39)."""
from cells import ALL


def completeness(rows, cells):
    for row in rows:
        if int(row["written"]):
            cells.row("38", ALL, row["day"], int(row["committed"]), int(row["written"]))
