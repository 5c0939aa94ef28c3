"""Workshop copies: solutions blanked, somebody's work kept."""

from __future__ import annotations

import nbformat

from cxlab.workbook.cli import main


def test_copies_leave_the_solutions_blank_and_keep_the_checks(tmp_path, capsys):
    assert main(["workshop", "--out", str(tmp_path / "w")]) == 0
    copies = sorted((tmp_path / "w").glob("*.ipynb"))
    assert copies[0].name == "00-start-here.ipynb"
    for path in copies:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        source = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
        assert "cx.exercise(" in source
        answers = [line for line in source.splitlines() if "cx.answer(" in line]
        assert answers and all(line.endswith(", ...)") for line in answers), path.name


def test_a_copy_that_was_worked_in_is_kept(tmp_path, capsys):
    folder = tmp_path / "w"
    main(["workshop", "--out", str(folder)])
    (folder / "00-start-here.ipynb").write_text("my work")
    main(["workshop", "--out", str(folder)])
    assert (folder / "00-start-here.ipynb").read_text() == "my work"
    assert "kept" in capsys.readouterr().out
    main(["workshop", "--out", str(folder), "--fresh"])
    assert (folder / "00-start-here.ipynb").read_text() != "my work"


def test_a_file_in_the_way_is_told(tmp_path, capsys):
    (tmp_path / "w").write_text("x")
    assert main(["workshop", "--out", str(tmp_path / "w")]) == 2
    assert "file of that name" in capsys.readouterr().err
