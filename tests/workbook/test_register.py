"""The register loses nothing: two editors, a crash in the middle of a save, a full disk, rows without an id."""

import errno
import multiprocessing
import os
import signal
import time

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxlab.evidence.errors import InputError, OutOfReach
from cxlab.workbook.register import COLUMNS, Register, files, store, write_template

FORK = multiprocessing.get_context("fork")


@pytest.fixture(params=["csv", "xlsx"])
def path(request, tmp_path):
    target = write_template(tmp_path / f"register.{request.param}")
    register = Register(target)
    for k in range(2, 7):
        register.add(
            id=f"P-{k:03d}", title=f"project {k}", area="billing", level="account", impact=k, cost=10 * k
        )
    register.save()
    return target


def ids(path):
    return Register(path).table["id"].tolist()


ALL = [f"P-{k:03d}" for k in range(1, 7)]


# ------------------------------------------------------------------------------------------------ the template


def test_template_is_a_register_without_problems(tmp_path):
    for ending in ("csv", "xlsx"):
        register = Register(write_template(tmp_path / f"new.{ending}"))
        assert list(register.table) == list(COLUMNS) and register.problems() == []
        with pytest.raises(InputError, match="never overwrites"):
            write_template(tmp_path / f"new.{ending}")
    with pytest.raises(InputError, match=r"\.csv or \.xlsx"):
        write_template(tmp_path / "new.txt")


def test_excel_template_has_lists_and_number_rules(tmp_path):
    from openpyxl import load_workbook

    book = load_workbook(write_template(tmp_path / "new.xlsx"))
    kinds = [rule.type for rule in book["initiatives"].data_validations.dataValidation]
    assert kinds.count("list") == 5 and "decimal" in kinds and "custom" in kinds
    assert book.sheetnames == ["initiatives"]
    assert all(cell.comment.text for cell in book["initiatives"][1])


def test_the_command_line_finds_nothing_wrong_with_a_template(tmp_path):
    from cxlab.evidence.check import check_file

    for ending in ("csv", "xlsx"):
        assert check_file(write_template(tmp_path / f"new.{ending}"), table="initiatives").ok


def test_problems_name_line_and_column(path):
    register = Register(path)
    register.table.loc[1, "level"] = "galaxy"
    register.table.loc[2, "cost"] = "cheap"
    text = " ".join(register.problems())
    assert "galaxy" in text and "cheap" in text and "level" in text and "cost" in text


# ------------------------------------------------------------------------------------------------ saving


def test_a_save_keeps_a_backup_and_every_other_cell(path):
    before = Register(path).table
    register = Register(path)
    register.table.loc[2, "title"] = "renamed, with a comma; a semicolon and ümlauts 😀"
    report = register.save()
    assert report.changed == ["P-003"] and not report.added and not report.removed
    assert report.backup.exists() and "Saved: 1 changed" in str(report)
    after = Register(path).table
    assert after.loc[2, "title"].endswith("ümlauts 😀")
    pd.testing.assert_frame_equal(after.drop(index=2), before.drop(index=2))
    pd.testing.assert_frame_equal(Register(report.backup).table, before)


def test_nothing_changed_writes_nothing(path):
    stamp = path.stat().st_mtime_ns
    report = Register(path).save()
    assert report.backup is None and "Nothing had changed" in str(report)
    assert path.stat().st_mtime_ns == stamp


def test_csv_keeps_delimiter_line_ends_and_byte_order_mark(tmp_path):
    target = tmp_path / "theirs.csv"
    target.write_bytes('\ufeffid;title;cost\r\n007;Größe;1,5\r\n008;"a;b";2\r\n'.encode())
    register = Register(target)
    assert register.table.loc[0, "id"] == "007" and register.table.loc[0, "cost"] == "1,5"
    register.table.loc[1, "cost"] = "3"
    register.save()
    assert target.read_bytes() == '\ufeffid;title;cost\r\n007;Größe;1,5\r\n008;"a;b";3\r\n'.encode()


def test_excel_keeps_other_sheets_numbers_and_formulas_as_text(tmp_path):
    from openpyxl import load_workbook

    target = write_template(tmp_path / "register.xlsx")
    book = load_workbook(target)
    book.create_sheet("theirs")["A1"] = "keep me"
    book.save(target)
    register = Register(target)
    register.table.loc[0, "title"] = "=1+1"
    register.table.loc[0, "cost"] = "25000"
    register.save()
    sheet = load_workbook(target)
    assert sheet.sheetnames == ["initiatives", "theirs"] and sheet["theirs"]["A1"].value == "keep me"
    row = dict(zip(COLUMNS, list(sheet["initiatives"][2]), strict=True))
    assert row["title"].data_type == "s" and row["title"].value == "=1+1"
    assert row["cost"].value == 25000 and row["impact"].value == 5
    assert len(sheet["initiatives"].data_validations.dataValidation) > 5


def test_rows_are_lost_only_when_named(path):
    register = Register(path)
    short = register.table.drop(index=[1, 3])
    with pytest.raises(InputError, match="P-002, P-004 would be lost.*kept in register.draft-0001"):
        register.save(short)
    assert ids(path) == ALL
    report = register.save(short, remove=["P-002", "P-004"])
    assert report.removed == ["P-002", "P-004"] and ids(path) == ["P-001", "P-003", "P-005", "P-006"]
    assert Register(report.backup).table["id"].tolist() == ALL


def test_columns_are_not_lost_either(path):
    register = Register(path)
    with pytest.raises(InputError, match="'title' is missing"):
        register.save(register.table.drop(columns="title"))


@pytest.mark.parametrize(
    ("value", "message"),
    [("", "row 3 has no id"), ("   ", "no id"), ("P-001", "P-001 occurs more than once")],
)
def test_a_row_without_its_own_id_is_told_and_kept_in_a_draft(path, value, message):
    register = Register(path)
    register.table.loc[1, "id"] = value
    register.table.loc[1, "title"] = "precious"
    assert message in register.problems()[0]
    with pytest.raises(InputError, match=f"{message}.*register.draft-0001"):
        register.save()
    assert ids(path) == ALL
    draft = path.with_name(f"register.draft-0001{path.suffix}")
    assert "precious" in Register(draft).table["title"].tolist() and len(Register(draft).table) == 6
    register.table.loc[1, "id"] = "P-002"
    assert register.save().changed == ["P-002"]


def test_a_file_that_has_a_row_without_id_opens_and_can_be_mended(tmp_path):
    target = tmp_path / "register.csv"
    target.write_text("id,title\nA,one\n,two\n")
    register = Register(target)
    assert register.problems() == ["row 3 has no id"]
    register.table.loc[1, "id"] = "B"
    register.save()
    assert target.read_text() == "id,title\nA,one\nB,two\n"


@pytest.mark.parametrize("text", ["id,title\nA,one\n,two\n,three\n", "id,title\nA,one\nA,two\nA,three\n"])
def test_rows_without_an_own_id_cannot_be_dropped_silently(tmp_path, text):
    target = tmp_path / "register.csv"
    target.write_text(text)
    register = Register(target)
    register.table.loc[1, "id"] = "B"
    with pytest.raises(InputError, match="1 row without an own id would be lost"):
        register.save(register.table.drop(index=2))
    register.table.loc[2, "id"] = "C"
    assert register.save().added == ["B", "C"] and len(Register(target).table) == 3


# ------------------------------------------------------------------------------------------------ two editors


def test_two_editors_of_different_rows_are_merged(path):
    one, two = Register(path), Register(path)
    one.table.loc[0, "title"] = "by one"
    one.add(id="P-100", title="new by one")
    two.table.loc[1, "title"] = "by two"
    two.table.loc[0, "cost"] = "77"
    one.save()
    report = two.save()
    assert set(report.merged) == {"P-001", "P-100"} and "Somebody else had edited P-001" in str(report)
    table = Register(path).table.set_index("id")
    assert table.loc["P-001", ["title", "cost"]].tolist() == ["by one", "77"]
    assert table.loc["P-002", "title"] == "by two" and "P-100" in table.index


def test_two_editors_of_one_cell_clash_and_nothing_is_lost(path):
    one, two = Register(path), Register(path)
    one.table.loc[0, "title"] = "by one"
    two.table.loc[0, "title"] = "by two"
    one.save()
    with pytest.raises(
        InputError, match="P-001, column 'title' .*yours 'by two', theirs 'by one'.*draft-0001"
    ):
        two.save()
    assert Register(path).table.loc[0, "title"] == "by one"
    assert Register(path.with_name(f"register.draft-0001{path.suffix}")).table.loc[0, "title"] == "by two"


def test_removing_what_somebody_edited_clashes(path):
    one, two = Register(path), Register(path)
    one.table.loc[0, "title"] = "by one"
    one.save()
    with pytest.raises(InputError, match="you removed it, somebody else edited it"):
        two.save(two.table.drop(index=0), remove=["P-001"])
    three, four = Register(path), Register(path)
    three.save(three.table.drop(index=0), remove=["P-001"])
    four.table.loc[0, "title"] = "by four"
    with pytest.raises(InputError, match="you edited it, somebody else removed it"):
        four.save()
    five = Register(path)
    assert "P-001" not in five.table["id"].tolist()


def _edit(path, row, rounds):
    for k in range(rounds):
        register = Register(path)
        register.table.loc[row, "title"] = f"editor {row} round {k}"
        register.add(id=f"N-{row}-{k}")
        register.save()


def test_editors_who_save_at_once_all_keep_their_rows(tmp_path):
    path = write_template(tmp_path / "register.csv")
    register = Register(path)
    for k in range(2, 5):
        register.add(id=f"P-{k}")
    register.save()
    workers = [FORK.Process(target=_edit, args=(path, row, 8)) for row in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    table = Register(path).table.set_index("id")
    assert {f"N-{row}-{k}" for row in range(4) for k in range(8)} <= set(table.index)
    assert sorted(table.title)[-4:] == [f"editor {row} round 7" for row in range(4)]
    assert len(list(tmp_path.glob("register.backup-*.csv"))) == store.BACKUPS


def test_a_lock_that_is_not_released_is_told(path, monkeypatch):
    monkeypatch.setattr(store, "WAIT", 0.1)
    register = Register(path)
    register.table.loc[0, "title"] = "mine"
    with Register(path)._lock(), pytest.raises(InputError, match="somebody else is saving"):
        register.save()
    assert register.table.loc[0, "title"] == "mine"
    assert register.save().changed == ["P-001"]


# ------------------------------------------------------------------------------------------------ crash and full disk


def _crash(path, moment):
    replace = os.replace

    def dying(source, target):
        if str(target) == str(path):
            if moment == "after":
                replace(source, target)
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    os.replace = dying
    register = Register(path)
    register.table.loc[0, "title"] = "half saved"
    register.save()


@pytest.mark.parametrize(
    ("moment", "title"), [("before", "call back within an hour"), ("after", "half saved")]
)
def test_a_crash_in_the_middle_of_a_save_leaves_a_whole_register(path, moment, title):
    worker = FORK.Process(target=_crash, args=(path, moment))
    worker.start()
    worker.join(60)
    assert worker.exitcode == -signal.SIGKILL
    register = Register(path)
    assert register.table["id"].tolist() == ALL and register.table.loc[0, "title"] == title
    if moment == "before":
        assert "interrupted" in register.notes[0] and "register.interrupted-0001" in register.notes[0]
        aside = Register(path.with_name(f"register.interrupted-0001{path.suffix}"))
        assert aside.table.loc[0, "title"] == "half saved"
    assert Register(path).notes == []
    register.table.loc[1, "title"] = "life goes on"
    assert register.save().changed == ["P-002"]


def _kill_at_random(path):
    for k in range(1000):
        register = Register(path)
        register.table.loc[0, "title"] = f"round {k}"
        register.save()


def test_kills_at_random_moments_never_leave_half_a_file(tmp_path):
    path = write_template(tmp_path / "register.csv")
    for k in range(6):
        worker = FORK.Process(target=_kill_at_random, args=(path,))
        worker.start()
        time.sleep(0.05 + 0.013 * k)
        worker.kill()
        worker.join(60)
        table = Register(path).table
        assert table["id"].tolist() == ["P-001"] and table.shape[1] == len(COLUMNS)


class _Full:
    """A file that accepts a few bytes and then reports a full disk."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, raw):
        self.file.write(raw[: len(raw) // 2])
        self.file.flush()
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("which", ["backup", "saving"])
def test_a_full_disk_leaves_the_register_as_it_was(path, monkeypatch, which):
    before = path.read_bytes()
    register = Register(path)
    register.table.loc[0, "title"] = "too much"
    plain = files.Path.open

    def open_(self, mode="r", *args, **kwargs):
        file = plain(self, mode, *args, **kwargs)
        return _Full(file) if mode == "wb" and which in self.name else file

    with monkeypatch.context() as patch:
        patch.setattr(files.Path, "open", open_)
        with pytest.raises(OutOfReach, match="disk is full.*as it was.*free some space"):
            register.save()
    assert path.read_bytes() == before and not list(path.parent.glob(".register*saving"))
    assert register.table.loc[0, "title"] == "too much"
    assert register.save().changed == ["P-001"]


def test_a_disk_that_is_really_full(tmp_path):
    """The same through the operating system: a limit on file size makes the write fail half way."""
    path = tmp_path / "register.csv"
    path.write_text("id,title\n" + "".join(f"P{k},{'x' * 200}\n" for k in range(50)))
    before = path.read_bytes()

    def limited(queue):
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        register = Register(path)
        register.table.loc[0, "title"] = "changed"
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            register.save()
        except OutOfReach as error:
            queue.put(str(error))

    queue = FORK.Queue()
    worker = FORK.Process(target=limited, args=(queue,))
    worker.start()
    assert "disk is full" in queue.get(timeout=30)
    worker.join(30)
    assert path.read_bytes() == before


# ------------------------------------------------------------------------------------------------ odd files and edits


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is empty"),
        (b"title,cost\nx,1\n", "no column 'id'"),
        (b"id,id\n1,2\n", "must occur once"),
        (b"id,title\nA,one,extra\n", "line 2 has 3 cells"),
    ],
)
def test_files_that_cannot_be_a_register_are_refused(tmp_path, raw, message):
    target = tmp_path / "odd.csv"
    target.write_bytes(raw)
    with pytest.raises(InputError, match=message):
        Register(target)
    assert target.read_bytes() == raw


def test_a_missing_or_broken_file_is_one_message(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        Register(tmp_path / "none.csv")
    (tmp_path / "bad.xlsx").write_bytes(b"no workbook")
    with pytest.raises(InputError, match="not an Excel workbook"):
        Register(tmp_path / "bad.xlsx")


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from(["title", "cost", "team"]),
            st.text("ab,;\"'\n=äé😀 ", max_size=6),
            st.booleans(),
        ),
        max_size=8,
    )
)
@settings(max_examples=40)
def test_any_two_sets_of_edits_are_merged_or_refused(tmp_path_factory, edits):
    folder = tmp_path_factory.mktemp("register")
    path = folder / "register.csv"
    path.write_text("id,title,cost,team\nA,1,2,3\nB,1,2,3\nC,1,2,3\nD,1,2,3\n")
    base = Register(path).table
    one, two = Register(path), Register(path)
    for row, column, value, first in edits:
        (one if first else two).table.loc[row, column] = value
    mine, other = two.table.copy(), one.table.copy()
    one.save()
    clash = (mine != base) & (other != base) & (mine != other)
    if clash.any(axis=None):
        with pytest.raises(InputError, match="draft-0001"):
            two.save()
        pd.testing.assert_frame_equal(Register(path).table, other)
        pd.testing.assert_frame_equal(Register(folder / "register.draft-0001.csv").table, mine)
    else:
        two.save()
        pd.testing.assert_frame_equal(Register(path).table, mine.where(mine != base, other))


# ------------------------------------------------------------------------------------------------ the grid


def test_a_report_gets_a_plain_table(path, monkeypatch):
    monkeypatch.setenv("CXLAB_EXPLORE", "baked")
    shown = Register(path).edit(rows=3)
    assert isinstance(shown, pd.DataFrame) and len(shown) == 3


def test_the_grid_edits_saves_and_reports(path, monkeypatch):
    monkeypatch.setenv("CXLAB_EXPLORE", "live")
    register = Register(path)
    box = register.edit()
    buttons, grid, said = box.children
    save, check, add, reload = buttons.children
    # What the browser sends when a cell is edited.
    column = list(register.table).index("title")
    message = {"event_type": "cell-changed", "row": 1, "column_index": column, "value": "typed"}
    grid._handle_custom_msg(message, [])
    assert register.table.loc[1, "title"] == "typed"
    check.click()
    assert "No problems" in said.value
    save.click()
    assert "Saved: 1 changed" in said.value and Register(path).table.loc[1, "title"] == "typed"
    add.click()
    save.click()
    assert "no id" in said.value and ids(path) == ALL
    reload.click()
    assert len(register.table) == 6 and len(grid.data) == 6


def test_a_status_history_that_cannot_be_read_is_a_problem(path):
    register = Register(path)
    register.table.loc[3, "status_history"] = "2026-13-45 late"
    assert any("P-004" in problem for problem in register.problems())


@pytest.mark.parametrize(
    "value",
    ["007", "1e5", "1_000", "1.50", "0", "-3", "2.5", " 4", "nan", "=A1", "TRUE", "12345678901234567890"],
)
def test_what_was_typed_is_what_is_read_again(path, value):
    register = Register(path)
    register.table.loc[2, "id"] = value
    register.table.loc[3, "title"] = value
    register.save(remove=["P-003"])
    table = Register(path).table
    assert table.loc[3, "title"] == value and table.loc[2, "id"] == value


def test_a_link_stays_a_link(path):
    link = path.with_name(f"link{path.suffix}")
    link.symlink_to(path)
    register = Register(link)
    register.table.loc[0, "title"] = "through the link"
    register.save()
    assert link.is_symlink() and Register(path).table.loc[0, "title"] == "through the link"
