"""`python -m tests.layouts`: read many random layouts, or look at one.

python -m tests.layouts --count 100000    # on all cores; each seed with a wrong value is printed
python -m tests.layouts --seed 108        # one of them, with what it is and what became of it
python -m tests.layouts --misleading      # known names, of which some stand over something else
"""

# ruff: noqa: T201 - it prints
from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from functools import partial

from tests.layouts.check import Verdict, judged, outcome, told
from tests.layouts.drawn import draw

#: Seeds that one worker takes at a time.
SHARE = 50


def show(seed: int, *, is_misleading: bool) -> bool:
    """Read one file and print it; whether nothing is wrong."""
    case = draw(random.Random(seed), is_misleading=is_misleading)  # noqa: S311 - no secret
    print(told(case))
    print(case.csv.decode()[:2000])
    found = outcome(case)
    print(f"{found.verdict.value}: {found.why}")
    return found.verdict is not Verdict.WRONG


def read_many(seeds: range, workers: int, *, is_misleading: bool) -> int:
    """Read files on all cores, print what is wrong, and count; how many were wrong."""
    began = time.monotonic()
    verdicts: Counter[Verdict] = Counter()
    reasons: Counter[str] = Counter()
    by_kind: Counter[tuple[str, Verdict]] = Counter()
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, initializer=partial(logging.disable, logging.CRITICAL)) as pool:
        judge = partial(judged, is_misleading=is_misleading)
        answers = pool.imap(judge, seeds, chunksize=SHARE)
        for seed, (kind, found) in zip(seeds, answers, strict=True):
            verdicts[found.verdict] += 1
            by_kind[kind, found.verdict] += 1
            if found.verdict in {Verdict.WRONG, Verdict.BY_CHANCE, Verdict.WARNED}:
                print(f"seed {seed}: {found.verdict.value}: {found.why}", flush=True)
            elif found.why:
                reasons[f"{kind}, {found.verdict.value}: {found.why}"] += 1
    for reason, count in reasons.most_common(40):
        print(f"{count:7} {reason}")
    for kind in sorted({kind for kind, _ in by_kind}):
        print(f"{kind}: " + ", ".join(f"{by_kind[kind, v]} {v.value}" for v in Verdict))
    figures = ", ".join(f"{verdicts[verdict]} {verdict.value}" for verdict in Verdict)
    print(f"{len(seeds)} layouts: {figures}; {time.monotonic() - began:.0f} s")
    return verdicts[Verdict.WRONG]


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.layouts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=1000, help="how many to read")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, help="read this one, and show it")
    parser.add_argument("--misleading", action="store_true", help="let known names mislead")
    wish = parser.parse_args()
    if wish.seed is not None:
        return int(not show(wish.seed, is_misleading=wish.misleading))
    seeds = range(wish.first, wish.first + wish.count)
    return int(bool(read_many(seeds, wish.workers, is_misleading=wish.misleading)))


if __name__ == "__main__":
    sys.exit(main())
