"""The command line: exit codes, plain messages, and nothing imported before it is needed."""

from __future__ import annotations

import errno
import subprocess
import sys
from types import SimpleNamespace

import pytest

from cxlab.evidence.errors import InputError, NotebookError, OutOfReach
from cxlab.workbook import cli


@pytest.fixture
def command(monkeypatch):
    """Replace the command ``data`` by one that raises what the test gives."""

    def install(fault):
        def run(_arguments):
            if isinstance(fault, BaseException):
                raise fault
            return fault

        module = SimpleNamespace(add_arguments=lambda parser: None, run=run)
        monkeypatch.setattr(cli.importlib, "import_module", lambda name: module)

    return install


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (0, 0, ""),
        (3, 3, ""),
        (NotebookError("02 raised"), 1, "cxlab: 02 raised"),
        (InputError("wrong\nfile"), 2, "cxlab: wrong file"),
        (ValueError("data: no column x"), 2, "no column x"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.csv"), 2, "a.csv: No such file"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "dir"), 2, "dir: Is a directory"),
        (OutOfReach("no registry"), 4, "no registry"),
        (OSError(errno.ENOSPC, "No space left"), 4, "disk is full"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_each_fault_has_its_exit_code_and_one_plain_line(command, capsys, fault, code, words):
    command(fault)
    assert cli.main(["data"]) == code
    stderr = capsys.readouterr().err
    assert words in stderr
    assert len(stderr.splitlines()) == (0 if code in (0, 3) else 1)


@pytest.mark.parametrize("words", [["nonsense"], [], ["data", "--nonsense"]])
def test_bad_use_is_exit_2(words, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(words)
    assert left.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(cli._COMMANDS))
def test_every_command_has_help(name):
    done = subprocess.run([sys.executable, "-m", "cxlab", name, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert cli._COMMANDS[name].split()[-1] in " ".join(done.stdout.split()).lower()


def test_help_imports_neither_pandas_nor_statsmodels_nor_ibis():
    code = "import sys, cxlab.workbook.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\n"
    code += "print([m for m in ('pandas', 'numpy', 'statsmodels', 'ibis', 'plotly', 'IPython') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_root_names_are_lazy_and_all_resolve():
    code = "import sys, cxlab\nassert 'pandas' not in sys.modules\nfor n in cxlab.__all__: getattr(cxlab, n)\nprint(len(cxlab.__all__))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = __import__("cxlab").nothing
