"""Where a log may lie: a DataFrame, an ibis table, CSV or Parquet files, DuckDB; here or on Spark."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cxlab.data.errors import InputError
from cxlab.stats.funnel.result import Funnel
from cxlab.stats.funnel.rules import Rules, hint
from cxlab.stats.funnel.scan import Columns, Scan, literal, memory_bytes, quoted, scan_frame, scan_sql


def funnel_of_table(events: Any, *, rules: Rules, columns: Columns) -> tuple[Funnel, list[str]]:
    """Return the funnel of a DataFrame or ibis table, and what to say of steps that never occur."""
    result = Funnel(rules, _scan(events, columns, rules))
    missing = result.unreached()
    if not missing:
        return result, []
    if hasattr(events, "iloc"):
        present = events[columns.event].dropna().unique()[:2000]
    else:
        present = events[columns.event].value_counts().limit(2000).execute()[columns.event].dropna()
    return result, _unknown(missing, {str(name).strip() for name in present})


def _unknown(missing: Sequence[str], present: set[str]) -> list[str]:
    """Return a sentence for each step that is no event of the log at all."""
    known = "the step {0!r} never occurs in this log; {1}"
    return [known.format(step, hint(step, present)) for step in missing if step not in present]


def _scan(events: Any, columns: Columns, rules: Rules) -> Scan:
    """Scan by the way that suits: a frame, a DuckDB table of this process, or an expression in its engine."""
    if hasattr(events, "iloc"):
        return scan_frame(events, columns, rules)
    from cxlab.stats.funnel.expression import scan_table

    backend = events.get_backend()
    columns.check(events.columns)
    if backend.name == "duckdb":
        import duckdb
        import ibis

        with tempfile.TemporaryDirectory(prefix="cxlab-", ignore_cleanup_errors=True) as folder:
            options = {"memory": memory_bytes(None), "folder": Path(folder), "progress": True}
            try:
                return scan_sql(backend.con, f"({ibis.to_sql(events)})", columns, rules, **options)
            except duckdb.Error:  # such as a table in memory that DuckDB has not met yet: ibis knows how
                pass
    return scan_table(events, columns, rules)


def file_sql(paths: Sequence[str | Path]) -> str:
    """Return the SQL table expression of CSV or Parquet files or folders of them."""
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if file.is_file() and _kind(file)]
            if not inside:
                raise InputError(f"{path} is a folder without .parquet, .csv or .tsv files")
            files += inside
        elif not path.exists():
            raise InputError(f"{path} does not exist; give a CSV, TSV or Parquet file, or a folder of them")
        elif not path.is_file():
            raise InputError(f"{path} is not a regular file")
        else:
            files.append(path)
    kinds = {_kind(file) or "csv" for file in files}
    if len(kinds) != 1:
        raise InputError(
            f"the files are of different kinds ({', '.join(sorted(kinds))}); give one kind at a time"
        )
    names = "[" + ", ".join(literal(str(file)) for file in files) + "]"
    together = ", union_by_name=true" if len(files) > 1 else ""
    if kinds == {"parquet"}:
        return f"read_parquet({names}{together})"
    return f"read_csv({names}{together}, all_varchar=true)"


def _kind(file: Path) -> str | None:
    name = file.name.lower()
    if name.endswith((".parquet", ".pq")):
        return "parquet"
    return "csv" if name.endswith((".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")) else None


@contextmanager
def connection_of(memory: int) -> Iterator[tuple[object, Path]]:
    """Yield a DuckDB connection held to ``memory`` and its folder for spilled data, removed at the end."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="cxlab-", ignore_cleanup_errors=True) as folder:
        connection = duckdb.connect()
        try:
            connection.execute(f"SET memory_limit='{max(memory // 3, 250_000_000)}B'")
            connection.execute(f"SET temp_directory={literal(folder)}")
            connection.execute("SET TimeZone='UTC'")
            connection.execute("SET enable_progress_bar=false")
            yield connection, Path(folder)
        finally:
            connection.close()


def funnel_of_files(
    files: Sequence[str | Path],
    *,
    rules: Rules,
    columns: Columns,
    engine: str = "local",
    memory: str | int | None = None,
    progress: bool = False,
) -> Funnel:
    """Return the funnel of local files; a step that never occurs is refused, with the nearest names.

    Parameters
    ----------
    files : paths
        CSV or Parquet files or folders of them; or one DuckDB database as ``path.duckdb::table``.
    rules, columns
        What is asked, and what the columns are called in the files.
    engine : "local", "duckdb" or "spark"
        local is the fast path; the others take one SQL expression in that engine (the same numbers). Spark
        needs Java and the extra ``cxlab[spark]``; ``SPARK_REMOTE`` or ``MASTER`` names a cluster, else two
        local threads are used.
    memory : str
        For example "2GB": beyond it the log is dealt out to files in a temporary folder.
    progress : bool
        A progress bar, on a terminal.
    """
    import duckdb

    limit = memory_bytes(memory)
    with connection_of(limit) as (connection, folder):
        table = _database(connection, files) or file_sql(files)
        try:
            if engine == "local":
                scan = scan_sql(
                    connection, table, columns, rules, memory=limit, folder=folder, progress=progress
                )
            else:
                scan = _in_engine(engine, connection, table, files, columns, rules, limit)
            result = Funnel(rules, scan)
            if missing := result.unreached():
                event = f"trim(CAST({quoted(columns.event)} AS VARCHAR))"
                query = f"SELECT {event}, count(*) AS n FROM {table} GROUP BY 1 ORDER BY n DESC"
                present = {row[0] for row in connection.execute(query).fetchmany(2000) if row[0] is not None}
                for sentence in _unknown(missing, present):
                    raise InputError(sentence)
        except duckdb.Error as fault:
            raise InputError(f"{', '.join(map(str, files))} cannot be read: {_first_line(fault)}") from fault
    return result


def _in_engine(engine: str, connection, table: str, files, columns: Columns, rules: Rules, memory: int):
    import ibis

    from cxlab.stats.funnel.expression import scan_table

    if engine == "duckdb":
        connection.execute(f"CREATE VIEW cxlab_log AS SELECT * FROM {table}")
        return scan_table(ibis.duckdb.from_connection(connection).table("cxlab_log"), columns, rules)
    spark = spark_connection(memory)
    names = [str(Path(file)) for file in files]
    parquet = table.startswith("read_parquet")
    tables = [spark.read_parquet(name) if parquet else spark.read_csv(name, header=True) for name in names]
    from pyspark.errors import PySparkException

    try:
        return scan_table(ibis.union(*tables) if len(tables) > 1 else tables[0], columns, rules)
    except PySparkException as fault:
        raise InputError(f"Spark cannot read {', '.join(names)}: {_first_line(fault)}") from fault


def spark_connection(memory: int):
    """Return an ibis connection to Spark: a cluster where one is named, else two local threads."""
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as fault:
        raise InputError(
            "--engine spark needs pyspark: install it with pip install 'cxlab[spark]'"
        ) from fault
    import ibis

    builder = SparkSession.builder.appName("cxlab").config("spark.sql.session.timeZone", "UTC")
    builder = builder.config("spark.ui.enabled", "false").config("spark.log.level", "ERROR")
    builder = builder.config("spark.driver.memory", f"{memory // 1_000_000}m")
    if not os.environ.get("SPARK_REMOTE") and not os.environ.get("MASTER"):
        builder = builder.master("local[2]").config("spark.sql.shuffle.partitions", "8")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # pyspark on pandas 3; no pandas crosses over here
            session = builder.getOrCreate()
    except (PySparkException, RuntimeError, OSError) as fault:
        message = f"--engine spark could not start ({_first_line(fault)}); it needs Java 17 or later"
        raise InputError(message) from fault
    session.conf.set("spark.sql.session.timeZone", "UTC")
    return ibis.pyspark.connect(session)


def _database(connection, files: Sequence[str | Path]) -> str | None:
    path, _, name = str(files[0]).partition("::")
    if len(files) != 1 or not path.lower().endswith((".duckdb", ".ddb")):
        return None
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist")
    connection.execute(f"ATTACH {literal(path)} AS log (READ_ONLY)")
    query = "SELECT table_name FROM duckdb_tables() WHERE database_name='log'"
    tables = [row[0] for row in connection.execute(query).fetchall()]
    name = tables[0] if not name and len(tables) == 1 else name
    if name not in tables:
        raise InputError(
            f"say which table of {path}: {path}::NAME, NAME one of {', '.join(tables) or '(none)'}"
        )
    return f"log.{quoted(name)}"


def _first_line(fault: Exception) -> str:
    return str(fault).strip().splitlines()[0]
