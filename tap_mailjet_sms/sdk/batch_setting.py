"""The schema of `batch_config`."""

from __future__ import annotations

import copy
import typing as t

from singer_sdk.helpers.capabilities import BATCH_CONFIG

if t.TYPE_CHECKING:
    from collections.abc import Mapping


def batch_setting() -> Mapping[str, object]:
    """The SDK's schema of `batch_config`, as far as this tap goes beyond it."""
    # A copy: the SDK's is shared by all plugins of a process.
    setting: dict[str, t.Any] = copy.deepcopy(BATCH_CONFIG["properties"]["batch_config"])
    encoding, storage = (setting["properties"][name] for name in ("encoding", "storage"))
    encoding["properties"]["format"] |= {"type": "string", "enum": ["arrow", "jsonl", "parquet"]}
    encoding["properties"]["compression"]["enum"] = ["gzip", "none", None]
    storage["properties"]["root"]["type"] = "string"
    encoding["required"] = ["format"]
    storage["properties"]["params"] = {
        "type": "object",
        "title": "Batch Storage Parameters",
        "description": "What fsspec takes for the storage, such as credentials.",
    }
    storage["required"] = ["root"]
    setting["properties"]["batch_size"] = {
        "type": ["integer", "null"],
        "minimum": 1,
        "title": "Batch Size",
        "description": "Most records in one batch file.",
    }
    setting["required"] = ["encoding", "storage"]
    for part in (setting, encoding, storage):
        part |= {"type": "object", "additionalProperties": False}
    return setting
