"""`python -m tests.mutants`: break each safety rule, print a table, end with 1 where an unlisted mutant survived."""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tests.mutants import run
from tests.mutants.mutate import Mutant, mutants
from tests.mutants.rules import EQUIVALENT, RULES, Rule


def main() -> int:
    """Judge the mutants of every rule, or a seeded sample of them."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rule", action="append", help="only this rule; may be given again")
    asked.add_argument("--sample", type=int, help="only so many mutants, drawn by --seed")
    asked.add_argument("--seed", type=int, default=int(time.time()), help="of the sample; printed")
    asked.add_argument("--list", action="store_true", help="name the mutants and run nothing")
    asked.add_argument("--table", type=Path, help="write the table there, as Markdown")
    options = asked.parse_args()
    rules = [rule for rule in RULES if not options.rule or rule.name in options.rule]
    work = [(rule, mutant) for rule in rules for mutant in mutants(rule.file, rule.functions)]
    if options.sample is not None:
        print(f"a sample of {options.sample} of {len(work)} mutants, --seed {options.seed}")
        work = random.Random(options.seed).sample(work, min(options.sample, len(work)))
    if options.list:
        for rule, mutant in work:
            print(f"{rule.name}: {mutant.file}:{mutant.line} {mutant.function}: {mutant.change}")
        return 0
    by_rule: dict[Rule, list[Mutant]] = {}
    for rule, mutant in work:
        by_rule.setdefault(rule, []).append(mutant)
    return _judge(by_rule, options.table)


def _judge(work: Mapping[Rule, list[Mutant]], table: Path | None) -> int:
    began = time.monotonic()
    counts = {rule: Counter[str]() for rule in work}
    seconds: dict[Rule, float] = dict.fromkeys(work, 0.0)
    left = 0
    for judged in run.judge(work):
        outcome = judged.outcome
        if outcome == "survived" and judged.mutant.name in EQUIVALENT:
            outcome = "equivalent"
        if outcome in {"survived", "red", "fault"}:
            left += 1
            print(f"{outcome.upper()} {judged.rule.name}: {judged.mutant.file}:{judged.mutant.line} "
                  f"{judged.mutant.function}: {judged.mutant.change} ({judged.tests} tests)", flush=True)  # fmt: skip
        counts[judged.rule][outcome] += 1
        seconds[judged.rule] += judged.seconds
    lines = [
        "| Rule | File | Mutants | Killed | Hung | Equivalent | Survived | Seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for rule, count in counts.items():
        told = " | ".join(str(count[key]) for key in ("killed", "hung", "equivalent", "survived"))
        lines.append(f"| {rule.name} | `{rule.file}` | {count.total()} | {told} | {seconds[rule]:.0f} |")
    print("\n".join(lines))
    total = sum(count.total() for count in counts.values())
    if lost := sum(map(len, work.values())) - total:
        print(
            f"expected every mutant to be judged, {lost} were not; run again with MUTANTS_LOG=FILE and read why"
        )
    print(f"{total} mutants in {(time.monotonic() - began) / 60:.1f} min, {left} survived unlisted")
    if table is not None:
        table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 1 if left or lost else 0


if __name__ == "__main__":
    sys.exit(main())
