"""[footprint] idle memory and time to ready of the whole suite in one process, memory per module apart, size of the program."""
import pathlib
import re
import shutil
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "acceptance")]
import report  # noqa: E402
import suite  # noqa: E402


def memory_mb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


def start_to_ready(one, name):
    """Seconds from exec to a page (or a probe) that answers, polled every 5 ms."""
    began = time.monotonic()
    one.launch(name)
    one.wait_ready(name, every=0.005)
    return time.monotonic() - began


def main():
    full = "--full" in sys.argv
    # Memory in a sanitised or debug build says nothing: this measures build/release.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="compagnon-footprint-"))
    try:
        one = suite.Suite("embedded", folder / "embedded")
        times, memory = [], []
        for _ in range(9 if full else 5):
            times.append(start_to_ready(one, "all"))
            time.sleep(3)
            memory.append(memory_mb(one.processes["all"].pid))
            one.stop()
        report.line("footprint", "all-in-one start to ready", report.median(times), "s", limit=1.0)
        report.line("footprint", "all-in-one idle memory", report.median(memory), "MB", limit=60)
        apart = suite.Suite("distributed", folder / "distributed")
        try:
            apart.start()
            time.sleep(3)
            for module in suite.MODULES:
                report.line("footprint", f"{module} alone, idle memory", memory_mb(apart.processes[module].pid), "MB", limit=60)
        finally:
            apart.stop()
        report.line("footprint", "program size", suite.COMPAGNON.stat().st_size / 2**20, "MiB")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
