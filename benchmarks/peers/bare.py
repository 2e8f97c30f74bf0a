"""The least that Python can do: `csv` and `json`, a line for each row, no checks, no framework."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path


def main(path: str) -> None:
    """Write the rows of a CSV file as lines of JSON."""
    write = sys.stdout.write
    with Path(path).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            record = {
                "message_id": row["ID"],
                "sender": row["From"],
                "recipient": row["To"],
                "status_code": int(row["Status"]),
                "created_at": int(row["CreationTS"]),
                "sent_at": int(row["SentTS"]) if row["SentTS"] else None,
                "sms_count": int(row["SmsCount"]),
                "cost_value": float(row["Cost"]),
                "cost_currency": row["Currency"],
            }
            write(json.dumps({"type": "RECORD", "stream": "sms_messages", "record": record}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
