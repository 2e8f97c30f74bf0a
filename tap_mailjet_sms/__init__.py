"""A Singer tap for Mailjet's SMS history, read through the asynchronous CSV export."""
