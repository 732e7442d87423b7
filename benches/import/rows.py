#!/usr/bin/env python3
"""Imports generated rows into a local stack, kills it meanwhile, and prints rows per second and peak memory.

usage: benches/import/rows.py [--rows 1000000] [--kills 3] [--binary target/release/tessera]

The file is a generated stream of members with points. The stack keeps its tables in a folder. After each kill it starts
again on that folder, and the same command goes on with the import. At the end, `verify` proves every balance, and the sum of
all points is the sum of the file.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

KEY = "tsk_bench_import"


def rows(count, file):
    """Writes a file of that many members; returns the sum of their points."""
    total = 0
    with open(file, "w", encoding="utf-8") as out:
        out.write("email,first name,last name,points\n")
        for row in range(count):
            points = row * 7 % 1000 + 1
            total += points
            out.write(f"member{row}@example.com,Ada,Byron {row},{points}\n")
    return total


class Stack:
    """A local stack in a process of its own, on a folder."""

    def __init__(self, binary, folder, port):
        self.binary, self.folder, self.port = binary, folder, port
        self.peak = 0
        self.start()

    def start(self):
        command = [self.binary, "--empty", "--data", self.folder, "--admin-key", KEY, "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            if line.startswith("ready "):
                break
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        threading.Thread(target=self.watch, args=(self.process.pid,), daemon=True).start()

    def watch(self, pid):
        """Notes the process's peak memory, in kB."""
        while True:
            try:
                with open(f"/proc/{pid}/status", encoding="ascii") as status:
                    peak = next((line for line in status if line.startswith("VmHWM")), None)
            except OSError:
                return
            if peak is None:
                return
            self.peak = max(self.peak, int(peak.split()[1]))
            time.sleep(0.2)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def settle(self):
        """Waits for the streams' readers; one request waits for a few minutes at most."""
        while True:
            request = urllib.request.Request(f"http://127.0.0.1:{self.port}/_local/settle", method="POST")
            try:
                urllib.request.urlopen(request, timeout=3600).read()
                return
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    raise

    def get(self, path):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"Authorization": f"Bearer {KEY}"})
        with urllib.request.urlopen(request, timeout=3600) as response:
            return json.load(response)


def progress(stack, path):
    try:
        return stack.get(path).get("done", 0)
    except OSError:
        return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--binary", default="target/release/tessera")
    parser.add_argument("--port", type=int, default=3977)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "members.csv")
        total = rows(args.rows, file)
        stack = Stack(args.binary, os.path.join(folder, "data"), args.port)
        # Each kill comes at another share of the rows.
        shares = sorted(random.Random(7).uniform(0.05, 0.95) for _ in range(args.kills))
        started, stopped = time.monotonic(), 0.0
        command = [args.binary, "import", file, "--url", f"http://127.0.0.1:{args.port}", "--key", KEY]
        kills = 0
        while True:
            client = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            first = client.stdout.readline()
            if not first.startswith("imp_"):
                sys.exit(first + client.stdout.read())
            path = "/v1/imports/" + first.split()[0]
            while kills < args.kills and client.poll() is None and progress(stack, path) < shares[kills] * args.rows:
                time.sleep(0.5)
            if kills < args.kills and client.poll() is None:
                kills += 1
                begun = time.monotonic()
                stack.kill()
                client.terminate()
                client.wait()
                stack.start()
                stopped += time.monotonic() - begun
                continue
            output = client.stdout.read()
            if client.wait() != 0:
                sys.exit(output)
            print(output.strip())
            break
        seconds, peak = time.monotonic() - started - stopped, stack.peak
        stack.settle()
        report = stack.get("/_local/verify")
        print(f"{args.rows} rows, {kills} kills: {args.rows / seconds:.0f} rows per second, peak memory {peak / 1024:.0f} MB")
        print(f"counted and settled {time.monotonic() - started - stopped - seconds:.0f} s later")
        print(json.dumps(report)[:400])
        assert str(total) in json.dumps(report), f"the file has {total} points"
        stack.kill()


if __name__ == "__main__":
    main()
