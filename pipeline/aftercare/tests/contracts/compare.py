"""The program against the second implementation, on random files of facts, to the cent.

    compare.py FILES [--aftercare PATH] [--from SEED] [--patients 3] [--contract ID]...
        [--documents FOLDER] [--go-on]

FILES files in all, the contracts in turn. `aftercare` is $AFTERCARE where no path is given. With
--documents the contracts are the folder's ID.toml, not those that come with the program. Nets are compared per
patient, component, payer, payee and service period, and per booking period within. The first difference ends the
run: it prints the nets of both and the fewest facts that still differ. With --go-on it is one line a difference.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import facts
import given
import second

DOCUMENTS = Path(__file__).parents[3] / "aftercare-core/documents/contracts"
# Points are told, not owed; to be compared each is a minor unit of a line.
TOLD = {
    "co-insurance-example": (
        """  [[rule.notice]]
  reason = "co_insurance_points"
""",
        """  [[rule.line]]
  component = "points"
  amount = "minor(points)"
  payers = [{ role = "insurer", payer = "'insurer-example'", share = "1" }]
  payee = "'patient'"
  payee_role = "patient"
""",
    )
}


def document(said, contract, folder):
    """The contract by name or file; where it only tells something, a copy of it that has a line instead."""
    file = Path(said.documents or DOCUMENTS, f"{contract}.toml")
    if contract not in TOLD:
        return file if said.documents else contract
    notice, line = TOLD[contract]
    text = file.read_text(encoding="utf-8")
    if text.count(notice) != 1:
        raise SystemExit(f"{file} has no notice that could be compared")
    copy = Path(folder, file.name)
    copy.write_text(text.replace(notice, line), encoding="utf-8")
    return copy


def program(said, contract, lines):
    """What the program says is owed and posted, by (key, booking period)."""
    with tempfile.TemporaryDirectory() as folder:
        file, journal = Path(folder, "facts.jsonl"), Path(folder, "journal.csv")
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        command = [said.aftercare, "contracts", "try", document(said, contract, folder), "--facts", file]
        command += ["--until", facts.UNTIL.isoformat(), "--journal", journal]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr}")
        owed = list(csv.DictReader(done.stdout.splitlines()))
        posted = list(csv.DictReader(journal.read_text(encoding="utf-8").splitlines()))
    found = defaultdict(int)
    for row in owed + (posted if contract in second.JOURNALS else []):
        key = second.Key(row["patient"], row["component"], *parties(row), row["service_period"])
        found[key, row["booking_period"]] += int(Decimal(row["amount"]) * 100)
    return {key: net for key, net in found.items() if net}


def parties(row):
    """Payer and payee of a line; of a posting whose books it stands in, and from which account it goes to which."""
    if "books" not in row:
        return row["payer"], row["payee"]
    accounts = (row[side].rpartition("-")[2] for side in ("debit_account", "credit_account"))
    return row["books"], ">".join(accounts)


def implemented(contract, lines):
    """What the second implementation says, likewise."""
    known = given.read(lines)
    found = second.nets(contract, known, facts.UNTIL)
    if contract in second.JOURNALS:
        found.update(second.nets(contract, known, facts.UNTIL, second.JOURNALS))
    return found


def differences(theirs, ours):
    """What both say where they differ."""
    keys = sorted(set(theirs) | set(ours))
    both = {key: (theirs.get(key, 0), ours.get(key, 0)) for key in keys}
    return {key: nets for key, nets in both.items() if nets[0] != nets[1]}


def fewest(lines, differ):
    """Facts without which there is no difference any more: ever smaller parts are left out."""
    size = len(lines) // 2
    while size:
        start = 0
        while start < len(lines):
            rest = lines[:start] + lines[start + size :]
            if differ(rest):
                lines = rest
            else:
                start += size
        size //= 2
    return lines


def report(said, contract, lines, key):
    """The first difference of a file, with the fewest facts of its patient."""

    def differ(some):
        found = differences(program(said, contract, some), implemented(contract, some))
        return {other: nets for other, nets in found.items() if other[0].component == key.component}

    lines = fewest(lines, differ)
    for (differing, booking), (theirs, ours) in differ(lines).items():
        print(f"  {' '.join(differing)}, booked in {booking}: program {theirs}, second {ours}")
    for line in sorted(lines, key=lambda line: given.instant_of(json.loads(line)["stored_at"])):
        print(f"  {readable(json.loads(line))}")


def readable(said):
    """A fact with its times as text."""
    for name, value in said.items():
        if name.endswith("_at") and value is not None:
            moment = given.EPOCH + given.instant_of(value) * given.MILLISECOND
            said[name] = moment.astimezone(given.ZONE).isoformat()
    return json.dumps(said)


def arguments():
    parser = argparse.ArgumentParser(description="Compares the program with the second implementation.")
    parser.add_argument("files", type=int)
    parser.add_argument("--aftercare", default=os.environ.get("AFTERCARE", "aftercare"))
    parser.add_argument("--from", type=int, default=1, dest="first")
    parser.add_argument("--patients", type=int, default=3)
    parser.add_argument("--contract", action="append", choices=list(facts.KINDS))
    parser.add_argument("--documents")
    parser.add_argument("--go-on", action="store_true")
    return parser.parse_args()


def main():
    said = arguments()
    contracts = said.contract or list(facts.KINDS)
    compared, different = defaultdict(int), 0
    for n in range(said.files):
        contract, seed = contracts[n % len(contracts)], said.first + n // len(contracts)
        lines = facts.file(contract, seed, said.patients)
        theirs, ours = program(said, contract, lines), implemented(contract, lines)
        compared[contract] += len(set(theirs) | set(ours))
        found = differences(theirs, ours)
        different += bool(found)
        for (key, booking), nets in found.items():
            print(
                f"{contract}, seed {seed}: {' '.join(key)}, booked in {booking}: program {nets[0]}, second {nets[1]}"
            )
            sys.stdout.flush()
        if found and not said.go_on:
            report(said, contract, lines, next(iter(found))[0])
            sys.exit(1)
    for contract in contracts:
        print(f"{contract}: {compared[contract]} nets compared")
    print(f"{said.files} files with {said.patients} patients each, {different} of them differ")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
