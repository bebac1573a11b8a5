"""Hostile scripts for `soak.py`: each greedy one stops by itself at a size that does no harm, should a wall not hold."""

from __future__ import annotations

ANSWER = """
import shutil
shutil.copy("input/sample_submission.csv", "submission.csv")
"""
"""What makes a hostile script look like an honest, poor one afterwards."""

ATTACKS: dict[str, str] = {
    "fork bomb": """
import os, time
for _ in range(200):
    if os.fork() == 0:
        time.sleep(30)
        os._exit(0)
time.sleep(30)
""",
    "memory bomb": """
kept = []
for _ in range(32):
    kept.append(bytearray(b"x") * (16 << 20))
import time
time.sleep(10)
""",
    "memory bomb in children": """
import os, time
for _ in range(4):
    if os.fork() == 0:
        kept = bytearray(b"x") * (128 << 20)
        time.sleep(10)
        os._exit(0)
time.sleep(10)
""",
    "files in memory": """
import tempfile
for folder in ("/dev/shm", "/tmp", tempfile.gettempdir()):
    try:
        with open(folder + "/filled", "wb") as file:
            for _ in range(300):
                file.write(b"x" * (1 << 20))
    except OSError as error:
        print(folder, error)
"""
    + ANSWER,
    "disk fill": """
for number in range(30):
    with open(f"working/{number}", "wb") as file:
        file.write(b"x" * (10 << 20))
import time
time.sleep(5)
"""
    + ANSWER,
    "daemons": """
import os, signal, time
for _ in range(20):
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            os.chdir("/")
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            os.write(writer, b"1")
            time.sleep(3600)
        os._exit(0)
    os.read(reader, 1)
"""
    + ANSWER,
    "log flood": """
import os
for _ in range(2000):
    os.write(1, b"x" * 65536)
"""
    + ANSWER,
    "sleep for ever": "import time\nwhile True:\n    time.sleep(3600)\n",
    "ignore signals": """
import signal, time
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    time.sleep(3600)
""",
    "edit the view": """
import os, shutil
for action in (
    lambda: os.chmod("input", 0o777),
    lambda: os.chmod("input/train.csv", 0o666),
    lambda: open("input/train.csv", "w").write("forged"),
    lambda: os.utime("input/train.csv", (0, 0)),
    lambda: os.rename("input/train.csv", "input/other.csv"),
    lambda: os.truncate("input/train.csv", 0),
    lambda: os.symlink("/etc/passwd", "input/planted"),
    lambda: shutil.rmtree("input"),
):
    try:
        action()
    except OSError as error:
        print(error)
import pathlib
pathlib.Path("submission.csv").write_text(pathlib.Path("input/sample_submission.csv").read_text())
""",
    "submission is a link": 'import os\nos.symlink("/etc/passwd", "submission.csv")\n',
    "submission is a pipe": 'import os\nos.mkfifo("submission.csv")\n',
    "submission is a folder": 'import os\nos.mkdir("submission.csv")\n',
    "submission is huge": """
with open("submission.csv", "wb") as file:
    file.truncate(1 << 40)
""",
    "submission is wrong": 'open("submission.csv", "w").write("a,b\\n1,2\\n")\n',
    "submission is binary": 'import os\nopen("submission.csv", "wb").write(os.urandom(100_000))\n',
    "crash in C": "import ctypes\nctypes.string_at(0)  # submission.csv is never written\n",
    "exit at once": ANSWER + "import os\nos._exit(0)\n",
    "descriptors": """
import os
try:
    kept = [os.open("submission.csv", os.O_RDWR | os.O_CREAT) for _ in range(10_000)]
except OSError as error:
    print(error)
os.closerange(3, 10_003)
"""
    + ANSWER,
    "deep folders": """
import os
here = os.getcwd()
for _ in range(2000):
    os.mkdir("deep")
    os.chdir("deep")
os.chdir(here)
"""
    + ANSWER,
    "planted modules": """
for name in ("sitecustomize.py", "usercustomize.py", "numpy.py", "planted.pth", "working/pandas.py"):
    open(name, "w").write("import os; os._exit(77)")
"""
    + ANSWER,
}
"""Safe under any adapter."""

INSIDE_NAMESPACES: dict[str, str] = {
    "kill the parent": """
import os, signal
for _ in range(3):
    os.kill(os.getppid(), signal.SIGKILL)
"""
    + ANSWER,
    "kill all": """
import os, signal
os.kill(-1, signal.SIGTERM)
os.kill(-1, signal.SIGKILL)
"""
    + ANSWER,
}
"""Only where a script sees no processes but its own."""
