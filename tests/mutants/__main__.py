"""`python -m tests.mutants`: break each safety rule, print a table, end with 1 where an unlisted mutant survived."""

import argparse
import random
import sys
import time
from collections import Counter
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
    return _judge(work, options.table)


def _judge(work: list[tuple[Rule, Mutant]], table: Path | None) -> int:
    run.warm()
    began = time.monotonic()
    for rule in dict.fromkeys(rule for rule, _ in work):
        if not run.unharmed(rule):
            print(
                f"{rule.name}: expected its tests to pass as the code is, they fail: {' '.join(rule.tests)}"
            )
            return 1
    counts = {rule: Counter[str]() for rule in dict.fromkeys(rule for rule, _ in work)}
    left = []
    for judged in run.judge(work):
        outcome = judged.outcome
        if outcome == "survived":
            if judged.mutant.name in EQUIVALENT:
                outcome = "equivalent"
            else:
                left.append(judged)
                print(f"SURVIVED {judged.rule.name}: {judged.mutant.file}:{judged.mutant.line} "
                      f"{judged.mutant.function}: {judged.mutant.change}", flush=True)  # fmt: skip
        counts[judged.rule][outcome] += 1
    lines = [
        "| Rule | File | Mutants | Killed | Hung | Equivalent | Survived |",
        "|---|---|---|---|---|---|---|",
    ]
    for rule, count in counts.items():
        told = " | ".join(str(count[key]) for key in ("killed", "hung", "equivalent", "survived"))
        lines.append(f"| {rule.name} | `{rule.file}` | {count.total()} | {told} |")
    print("\n".join(lines))
    print(f"{len(work)} mutants in {(time.monotonic() - began) / 60:.1f} min, {len(left)} survived unlisted")
    if table is not None:
        table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
