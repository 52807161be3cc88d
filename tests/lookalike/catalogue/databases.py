"""Filling a database, and a query without end, for the tests."""

import sqlalchemy
from sqlalchemy.pool import NullPool


def run(url: str, *statements: str, rows: tuple[dict[str, object], ...] = ()) -> None:
    """Run statements as the database's owner would; ``rows`` fill the last one."""
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        for statement in statements[:-1]:
            connection.execute(sqlalchemy.text(statement))
        connection.execute(sqlalchemy.text(statements[-1]), rows or None)


def many(url: str, rows: int) -> str:
    """Spell a query whose rows a database makes one by one, as they are asked for."""
    if url.startswith("postgresql"):
        return (
            "SELECT 'p' || n AS id, '/a.png' AS uri "
            f"FROM (SELECT generate_series(1, {rows}) AS n) numbers"
        )
    return (
        f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT {rows}) "
        "SELECT 'p' || n AS id, '/a.png' AS uri FROM numbers"
    )
