"""The command line: exit codes, plain messages, and nothing imported before it is needed."""

import errno
import inspect
import subprocess
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import cxlab
from cxlab.data.errors import InputError, NotebookError, OutOfReach
from cxlab.workbook import cli, workshop


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (0, 0, ""),
        (3, 3, ""),
        (NotebookError("02 raised"), 1, "cxlab: 02 raised"),
        (InputError("wrong\nfile"), 2, "cxlab: wrong file"),
        (ValueError("data: no column x"), 2, "no column x"),
        (RecursionError("too deep"), 2, "too deep"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.csv"), 2, "a.csv: No such file"),
        (OutOfReach("no registry"), 4, "no registry"),
        (OSError(errno.ENOSPC, "No space left"), 4, "disk is full"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_each_fault_has_its_exit_code_and_one_plain_line(monkeypatch, capsys, fault, code, words):
    def run(folder):
        if isinstance(fault, BaseException):
            raise fault
        return fault

    monkeypatch.setitem(cli._COMMANDS, "room", cli._COMMANDS["room"]._replace(run=run))
    assert cli.main(["room", "x"]) == code
    stderr = capsys.readouterr().err
    assert words in stderr and len(stderr.splitlines()) == (0 if code in (0, 3) else 1)


@pytest.mark.parametrize("words", [["nonsense"], [], ["data", "--nonsense"], ["room"], ["check"]])
def test_bad_use_is_exit_2_and_one_plain_line(words, refused):
    assert refused(*words)


@pytest.mark.parametrize("name", sorted(cli._COMMANDS))
def test_every_command_has_help(name, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main([name, "--help"])
    assert left.value.code == 0 and "usage" in capsys.readouterr().out


HELP = "import cxlab.workbook.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: pass"


@pytest.mark.parametrize("code", [HELP, "import cxlab; dir(cxlab)"])
def test_neither_help_nor_the_root_imports_a_heavy_package(code):
    heavy = "{'pandas', 'numpy', 'statsmodels', 'ibis', 'plotly', 'IPython'}"
    code = f"import sys\n{code}\nassert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)


def test_a_file_is_checked_and_its_faults_are_one_line(tmp_path, capsys):
    path = tmp_path / "log.csv"
    path.write_text("customer_id,event,timestamp\na,buy,2024-01-01\n")
    assert cli.main(["check", str(path), "--table", "events"]) == 0 and "log.csv" in capsys.readouterr().out
    path.write_text("customer_id,event,timestamp\na,buy,never\n")
    assert cli.main(["check", str(path), "--table", "events"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_every_part_of_the_install_answers_or_says_what_mends_it(monkeypatch):
    assert workshop.in_place().finding == "Everything is in place: all 10 parts answer."
    monkeypatch.setattr(workshop, "_PARTS", "pandas no-such-part")
    found = workshop.in_place()
    assert found.finding.startswith("1 of 4 parts need mending. Type in a terminal: ")
    assert found.table.set_index("part")["fix"].ne("").tolist() == [False, False, False, True]


def test_completion_offers_public_names_only_and_each_says_what_it_is():
    shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}), user_ns={"cx": cxlab})
    shell.Completer.use_jedi = False

    def offered(text):
        return [text + name[1:] for name in shell.complete(text)[1] if "__" not in name]

    names = offered("cx.")
    assert len(names) == len(dir(cxlab)) - 1 > 20 and not hasattr(cxlab, "nothing")
    for name in names:
        module = inspect.ismodule(eval(name, {"cx": cxlab}))
        inner = offered(f"{name}.") if module else []
        assert bool(inner) == module
        for each in (name, *inner):
            thing = eval(each, {"cx": cxlab})
            first = inspect.getdoc(thing).partition("\n\n")[0]
            assert first[-1] in ".?" and len(first.split()) > 3, each
            assert getattr(thing, "__module__", thing.__name__).startswith("cxlab."), each
