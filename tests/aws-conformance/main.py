"""Asks an AWS account what the simulator assumes, and reports which switches of the simulator match. See README.md."""

import argparse
import json
import os
import subprocess
import sys
import urllib.request

from botocore.exceptions import BotoCoreError, ClientError

import questions
import scenarios
from account import PREFIX, Account

PRICE = """\
This creates {stores} sequence stores, at most {at_a_time} at a time, in account {account}, region {region}, as
{identity}.
Their names begin with {prefix}{run}. They stay empty and are deleted at the end. AWS charges for reads that are stored, and this
run stores none, so the price is 0.00 USD by the price list; check it for your region. It takes about 5 minutes.
"""


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--region", help="the region to ask")
    parser.add_argument("--bucket", metavar="s3://BUCKET/PREFIX/", help="also ask how locations read back")
    parser.add_argument("--record", metavar="FILE", help="write all answers, redacted")
    parser.add_argument("--operator", action="store_true", help="also run the operator through the life of a store")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--clean-up", action="store_true", help="delete what earlier runs left behind")
    parser.add_argument("--yes", action="store_true", help="do not wait for an answer")
    parser.add_argument("--simulator", metavar="URL", help="ask the simulator at this URL")
    return parser.parse_args()


def assumptions():
    """The knobs of the simulator, as they are by default."""
    process = subprocess.Popen([os.environ["HEALTHOMICS_SIMULATOR"], "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().strip()
        # Not through a proxy of the environment.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{url}/_simulator/knobs", timeout=10) as answer:
            return json.load(answer)
    finally:
        process.terminate()
        process.wait()


def agreed(arguments, text):
    print(text, file=sys.stderr)
    if arguments.yes:
        return True
    print("Type yes to go on: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == "yes"


def ask(account):
    """The answers, and the questions that failed with the reason. Deletes the stores of each question after it."""
    found, failed = {}, {}
    for question in questions.QUESTIONS + ([questions.locations] if account.bucket else []):
        print(f"  {question.__doc__}", file=sys.stderr)
        try:
            found.update(question(account))
        except Exception as error:
            failed[question.__name__] = f"{type(error).__name__}: {error}"
        failed.update({f"clean up {store}": why for store, why in account.clean_up().items()})
    return found, failed


def play(account, simulator):
    """The scenarios with the operator: those that passed, and the others with the reason."""
    passed, failed = {}, {}
    for scenario, attempt in scenarios.run(account, simulator):
        print(f"  {scenario.__doc__}", file=sys.stderr)
        try:
            attempt()
            passed[scenario.__doc__] = True
        except Exception as error:
            failed[scenario.__name__] = f"{type(error).__name__}: {error}"
    return passed, failed


def report(found, failed, defaults):
    """What was found beside what the simulator assumes. A lag below a second is none."""
    rows = []
    for name, value in found.items():
        if name not in defaults:
            rows.append({"question": name, "aws": value, "simulator": None, "verdict": "fact"})
            continue
        assumed = defaults[name]
        if name.endswith("LagMs"):
            same = (value >= 1000) == (assumed >= 1000) if not isinstance(value, str) else False
        elif name.endswith("Gets"):
            same = (value > 0) == (assumed > 0)
        else:
            same = value == assumed
        rows.append({"question": name, "aws": value, "simulator": assumed, "verdict": "matches" if same else "differs"})
    rows += [{"question": name, "aws": None, "simulator": defaults.get(name), "verdict": "open"} for name in questions.OPEN]
    return {"answers": rows, "failed": failed}


def text_of(result):
    lines = []
    for row in result["answers"]:
        shown = ["–" if value is None else json.dumps(value) for value in (row["aws"], row["simulator"])]
        lines.append(f"{row['verdict']:8} {row['question']}: {shown[0]}; simulator: {shown[1]}")
    lines += [f"failed   {name}: {why}" for name, why in result["failed"].items()]
    differ = [row["question"] for row in result["answers"] if row["verdict"] == "differs"]
    lines.append(f"{len(differ)} switches of the simulator differ: {', '.join(differ)}" if differ else "No switch of the simulator differs.")
    return "\n".join(lines)


def clean_up(account, arguments):
    account.stores = {store: arn for store, (_, arn) in account.find_stores()}
    if not account.stores:
        print("Nothing is left behind.")
        return 0
    listed = "\n".join(f"  {arn}" for arn in account.stores.values())
    if not agreed(arguments, f"This deletes the stores that earlier runs left behind:\n{listed}"):
        return 1
    left = account.clean_up()
    print("\n".join(f"not deleted: {store}: {why}" for store, why in left.items()) or "All are deleted.")
    return 1 if left else 0


def main():
    arguments = parsed()
    account = Account(arguments.region, arguments.simulator, arguments.bucket)
    if arguments.clean_up:
        return clean_up(account, arguments)
    defaults = assumptions()
    stores = questions.STORES + bool(arguments.bucket) + (len(scenarios.SCENARIOS) if arguments.operator else 0)
    facts = {
        "stores": stores, "at_a_time": questions.STORES_AT_A_TIME, "account": account.id, "region": account.region,
        "identity": account.identity, "prefix": PREFIX, "run": account.run,
    }
    if not agreed(arguments, PRICE.format(**facts)):
        print("Nothing was done.", file=sys.stderr)
        return 1
    try:
        found, failed = ask(account)
        if arguments.operator:
            passed, others = play(account, arguments.simulator)
            found, failed = {**found, **passed}, {**failed, **others}
    finally:
        left = {}
        try:
            account.find_own_stores()
        except (BotoCoreError, ClientError) as error:
            left["which cannot be listed, if there is one"] = str(error)
        left |= account.clean_up()
        for store, why in left.items():
            print(f"LEFT BEHIND: store {store}: {why}", file=sys.stderr)
    if arguments.record:
        with open(arguments.record, "w") as file:
            json.dump(list(account.redacted()), file, indent=1)
    result = report(found, failed, defaults)
    print(json.dumps(result, indent=1) if arguments.json else text_of(result))
    return 1 if failed or left else 0


sys.exit(main())
