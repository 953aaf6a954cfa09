#!/usr/bin/env python3
"""Times `stalekey check --offline` against ripgrep finding the variable in the same files.

    cargo build --release
    benches/side_by_side.py                         # 10 000 layers; everything is made in a temporary folder
    benches/side_by_side.py --layers 1000 --memory  # peak memory too
    benches/side_by_side.py --keep /tmp/layers      # make the data, say where it is, and leave it there

The budget: within 5 times ripgrep, the files in the cache of the system; 2 times is the aim. Of many runs the
fastest is shown: everything that makes a run slower is something else than the program.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VARIABLE = "OPENAI_API_KEY"
LINES = 31


def synthetic_key(chance):
    """Made at run time: no text like a key stands in the repository."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    body = lambda: "".join(chance.choices(letters, k=74))
    return "-".join(["sk", "proj", body() + "T3Blbk" + "FJ" + body()])


def lines(chance, key):
    """What stands in a .env file: a comment, addresses, numbers, words, and one key."""
    others = [
        "# settings of this service",
        "APP_NAME=service",
        "APP_ENV=production",
        "LOG_LEVEL=info",
        "PORT=8080",
        "DATABASE_URL=postgres://app:app@db:5432/app",
        "REDIS_URL=redis://cache:6379/0",
        'GREETING="hello, world"',
        "FEATURE_SEARCH=true",
        "",
    ]
    while len(others) < LINES - 1:
        others.append(f"SETTING_{len(others)}={chance.randrange(10**12)}")
    others.insert(chance.randrange(LINES), f"{VARIABLE}={key}")
    return "\n".join(others) + "\n"


def make(folder, layers, keys, dialect):
    """Writes f/N.env and stalekey.toml; `keys` distinct keys, most layers holding the first of them."""
    chance = random.Random(20)
    made = [synthetic_key(chance) for _ in range(keys)]
    (folder / "f").mkdir(parents=True)
    inventory = [
        "version = 1",
        f'fingerprint.salt = "{"5a" * 32}"',
        "[credentials.openai]",
        'provider = "openai"',
        "[environments.production]",
        f'expect.openai = {{ last4 = "{made[0][-4:]}" }}',
    ]
    for number in range(layers):
        key = made[number % keys] if keys > 10 or number % 50 < keys else made[0]
        (folder / "f" / f"{number}.env").write_text(lines(chance, key))
        inventory += ["", "[[layers]]", f'name = "service {number}"', 'environment = "production"', 'kind = "dotenv"']
        inventory += [f'path = "f/{number}.env"'] + ([f'dialect = "{dialect}"'] if dialect else [])
    (folder / "stalekey.toml").write_text("\n".join(inventory) + "\n")


def once(command, folder):
    """Seconds of wall clock and of the processor, and peak memory in KiB."""
    home = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def measure(commands, folder, runs):
    """The fastest of many runs, taken in turns so that a busy machine is busy for all of them."""
    results = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            results[name].append(once(command, folder))
    return {name: [min(column) for column in zip(*taken)] for name, taken in results.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/stalekey")
    parser.add_argument("--memory", action="store_true", help="show peak memory")
    parser.add_argument("--keep", type=Path, help="make the data here, measure nothing")
    arguments = parser.parse_args()
    if not arguments.keep and not shutil.which("rg"):
        sys.exit("ripgrep (`rg`) is needed for the comparison")
    cases = [(5, "python-dotenv"), (5, None), (5, "node-dotenv"), (arguments.layers, "python-dotenv")]
    with tempfile.TemporaryDirectory(prefix="stalekey-layers-") as temporary:
        base = arguments.keep or Path(temporary)
        for keys, dialect in cases:
            name = f"{arguments.layers} layers, {keys} keys, {dialect or 'no dialect'}"
            folder = base / name.replace(",", "").replace(" ", "-")
            make(folder, arguments.layers, keys, dialect)
            if arguments.keep:
                print(folder)
                continue
            check = [str(arguments.binary.resolve()), "check", "--offline"]
            commands = {
                "ripgrep": ["rg", "--no-ignore", "--fixed-strings", VARIABLE, "f"],
                "check, for people": check,
                "check, JSON": [*check, "--format", "json"],
            }
            print(name)
            results = measure(commands, folder, arguments.runs)
            reference = results["ripgrep"][0]
            for command, (wall, processor, memory) in results.items():
                shown = f", {memory / 1024:.1f} MiB" if arguments.memory else ""
                times = f"{wall * 1000:7.1f} ms, {processor * 1000:7.1f} ms of processor time"
                print(f"  {command:18} {times}, {wall / reference:5.1f} x ripgrep{shown}")


main()
