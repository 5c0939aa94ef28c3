"""``cxlab check``: the report on stdout, one line on stderr and exit 2 when there are faults."""

from __future__ import annotations

from pathlib import Path

from cxlab.workbook.cli import main


def test_a_good_file(tmp_path, capsys):
    (tmp_path / "pain.csv").write_text("area,complaints\nbill,3\n")
    assert main(["check", str(tmp_path / "pain.csv"), "--table", "pain"]) == 0
    out, err = capsys.readouterr()
    assert "good: it opens" in out and err == ""


def test_faults_are_listed_on_stdout_and_counted_on_stderr(tmp_path, capsys):
    (tmp_path / "pain.csv").write_text("area,complaints\nbill,x\n,3\n")
    assert main(["check", str(tmp_path / "pain.csv"), "--table", "pain"]) == 2
    out, err = capsys.readouterr()
    assert out.count("  fault   ") == 2 and "line 2, column 'complaints', value 'x'" in out
    assert err.startswith("cxlab: pain.csv: 2 fault(s), first:") and err.count("\n") == 1


def test_a_mapping_file_alone_is_enough(tmp_path, capsys):
    (tmp_path / "p.csv").write_text("thema;n\nbill;1,5\n")
    (tmp_path / "pain.yaml").write_text("table: pain\nfile: p.csv\ncolumns: {thema: area, n: complaints}\n")
    assert main(["check", str(tmp_path / "pain.yaml")]) == 2
    assert "must be a whole number" in capsys.readouterr().err
    (tmp_path / "p.csv").write_text("thema;n\nbill;1\n")
    assert main(["check", str(tmp_path / "pain.yaml")]) == 0
    assert (
        main(["check", str(tmp_path / "p.csv"), "--table", "pain", "--mapping", str(tmp_path / "pain.yaml")])
        == 0
    )


def test_the_coded_claims_are_checked_too(capsys):
    assert main(["check", str(Path(__file__).resolve().parents[2] / "data" / "evidence")]) == 0
    assert "claims" in capsys.readouterr().out


def test_an_empty_form_is_told_in_one_line(tmp_path, capsys):
    (tmp_path / "form.csv").write_text(
        "rater,statement,text,label\nann,s1,Fast delivery,\nann,s2,It broke,\n"
    )
    assert main(["check", str(tmp_path / "form.csv"), "--table", "ratings"]) == 2
    assert "column 'label': is missing on every row" in capsys.readouterr().err


def test_bad_use(tmp_path, capsys):
    (tmp_path / "p.csv").write_text("area,complaints\nbill,1\n")
    for arguments, message in (
        ([str(tmp_path / "p.csv")], "say which table"), ([], "name the file to check"),
        ([str(tmp_path / "p.csv"), "--table", "pian"], "did you mean 'pain'"),
        ([str(tmp_path / "p.csv"), "--table", "pain", "--mapping", str(tmp_path / "no.yaml")], "there is no file"),
    ):  # fmt: skip
        assert main(["check", *arguments]) == 2
        assert message in capsys.readouterr().err
