#!/usr/bin/python3
"""Bytes a row of each table in a database of output.sqlite, and what a container takes a day.  Run by
`scripts/bench sizes FILE`; reads only, also while a daemon writes.
"""

import sqlite3
import sys
from contextlib import closing

DAY = 86400
# Rows of a series a day, by the table's suffix.
ROLLUPS = {"_1min_rows": 1440, "_5min_rows": 288, "_1h_rows": 24, "_1d_rows": 1}
ENOUGH = 50  # rows; with fewer the pages are mostly empty


def sizes(db):
    """(table, rows, bytes with its indexes), the largest first."""
    query = """
        select m.tbl_name, sum(s.pgsize) from dbstat s join sqlite_master m on m.name = s.name
        group by m.tbl_name order by 2 desc"""
    for table, size in db.execute(query).fetchall():
        if table.endswith(("_rows", "_chunks")):
            rows = "sum(rows)" if table.endswith("_chunks") else "count(*)"
            yield table, db.execute(f'select {rows} from "{table}"').fetchone()[0] or 0, size


def main():
    with closing(sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)) as db:
        print("| table | rows | bytes a row | a series and day |\n|---|---|---|---|")
        for table, rows, size in sizes(db):
            if rows < ENOUGH:
                continue
            each = size / rows
            times = next((n for end, n in ROLLUPS.items() if table.endswith(end)), None)
            if table == "container_stats_rows":
                day = ", ".join(f"{each * DAY / s / 1e6:.2f} MB at {s} s" for s in (1, 5, 10))
            else:
                day = f"{each * times / 1e6:.3f} MB" if times else ""
            print(f"| {table} | {rows} | {each:.0f} | {day} |")


if __name__ == "__main__":
    main()
