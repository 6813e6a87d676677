"""Makes result.json of what the steps of run.sh left, and prints a table:   report.py OUT DEVICE SECONDS"""

import json
import pathlib
import platform
import re
import subprocess
import sys

# total / the network alone; Python / total; masks / a copy
MOST_OF_FLOOR = 1.05
LEAST_OF_PYTHON = 10
LEAST_OF_COPY = 0.8


def main():
    out, device, seconds = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    steps = []
    for line in (out / "steps.tsv").read_text().splitlines():
        name, status, taken, last = line.split("\t")
        steps.append({"name": name, "status": status, "seconds": int(taken), "said": last})
    result = {"device": device, "machine": machine(device), "seconds": seconds, "steps": steps}
    result["maps"] = counted(log_of(out, "maps"))
    result["masksOfCopy"] = parts_of_copy(log_of(out, "masks"))
    result["times"] = [t for step in steps if (t := time_of(out, step["name"]))]
    (out / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    print_table(result)


def machine(device):
    if not device.startswith("cuda"):
        return platform.processor() or platform.machine()
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as e:
        return str(e)


def log_of(out, step):
    file = out / (step + ".log")
    return file.read_text(errors="replace") if file.exists() else ""


def parts_of_copy(log):
    """The bytes a second that each kind of masks is written with, as parts of those of a copy on the device."""
    return [int(percent) / 100 for percent in re.findall(r"(\d+) %$", log, re.MULTILINE)]


def counted(log):
    """What JUnit's launcher says of how the tests ended."""
    return {what: int(n) for n, what in re.findall(r"\[\s*(\d+) tests (successful|failed|aborted|skipped)", log)}


def time_of(out, name):
    file = out / (name + ".json")
    parts = name.rsplit("-", 2)
    if not file.exists() or len(parts) != 3 or parts[2] == "python":
        return None
    bench = json.loads(file.read_text())
    total = bench["times"][0]
    floor = next(t for t in bench["times"] if t["name"] != total["name"])
    time = {
        "network": parts[0],
        "passes": total["passes"],
        "precision": parts[2],
        "milliseconds": 1000 * total["seconds"],
        "ofFloor": total["seconds"] / floor["seconds"],
    }
    python = out / f"{parts[0]}-{parts[1]}-python.json"
    if python.exists():
        time["ofPython"] = json.loads(python.read_text())["seconds"] / total["seconds"]
    return time


def print_table(result):
    print(f"\n{result['device']}, {result['machine']}, {result['seconds']} s")
    for step in result["steps"]:
        said = step["said"] if step["status"] == "FAILED" else step["said"][:100]
        print(f"{step['name']:<30} {step['status']:<8} {step['seconds']:>4} s  {said}")
    print("maps:", ", ".join(f"{n} {what}" for what, n in result["maps"].items()) or "no test ran")
    if result["masksOfCopy"]:
        print(f"masks: {min(result['masksOfCopy']):.2f} to {max(result['masksOfCopy']):.2f} of a copy's bytes a second")
    if result["times"]:
        print(f"\n{'':<10} {'passes':>6} {'':<15} {'ms':>9} {'/ floor':>8} {'Python /':>9}")
    for time in result["times"]:
        python = f"{time['ofPython']:>9.1f}" if "ofPython" in time else f"{'':>9}"
        print(
            f"{time['network']:<10} {time['passes']:>6} {time['precision']:<15} {time['milliseconds']:>9.1f}"
            f" {time['ofFloor']:>8.3f} {python}"
        )
    print(
        f"goals: at most {MOST_OF_FLOOR} times the network alone; at least {LEAST_OF_PYTHON} times as fast as Python;"
        f" masks at least {LEAST_OF_COPY} of a copy"
    )


main()
