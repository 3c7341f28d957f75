#!/usr/bin/python3
"""Rows from a file that grows, each stored exactly once whatever is killed meanwhile.

    [input.exec:follow_file]
    command = /usr/local/lib/tallyd/follow_file.py /var/log/orders.csv
    mode = service
    acknowledge = yes

A line of the file is TIME,CUSTOMER,AMOUNT with the time in RFC 3339.  The position is the offset
behind a line: after a crash tallyd says from where to read again, and a row that comes twice has the
same key, so the store keeps one.
"""

import json
import select
import sys

TABLES = [{
    "name": "orders", "kind": "log", "help": "Orders, as they came.",
    "columns": [
        {"name": "time", "type": "time"},
        {"name": "host", "type": "text", "role": "tag"},
        {"name": "offset", "type": "int", "role": "order", "help": "of its line in the file"},
        {"name": "customer", "type": "text"},
        {"name": "amount", "type": "real", "unit": "EUR"},
    ],
}]


def say(**message):
    print(json.dumps(message), flush=True)


def stopped(seconds):
    """Waits; true when tallyd has closed our stdin.  What it says of safe positions is read past."""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return bool(ready) and not sys.stdin.readline()


def main():
    hello = json.loads(sys.stdin.readline())
    say(tallyd="tables", tables=TABLES)
    with open(sys.argv[1], "rb") as file:
        file.seek(int(hello["resume"] or 0))
        while True:
            offset = file.tell()
            line = file.readline()
            if not line.endswith(b"\n"):
                file.seek(offset)  # not whole yet
                if stopped(0.2):
                    return
                continue
            time, customer, amount = line.decode().rstrip("\n").split(",")
            say(time=time, offset=offset, customer=customer, amount=float(amount))
            say(tallyd="position", position=str(file.tell()))


main()
