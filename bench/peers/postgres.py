"""PostgreSQL with pgvector: an HNSW index, asked through psycopg."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pgserver
import psycopg
from driver import K, Search, arguments, drive
from pgvector.psycopg import register_vector


def main() -> None:
    """Index the vectors with pgvector's own defaults, and search them."""
    vectors, queries = arguments()
    effort = int(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as another user
        server = pgserver.get_server(folder, cleanup_mode="delete")
        try:
            _fill(server.get_uri(), vectors)

            @contextmanager
            def connect() -> Iterator[Search]:
                with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                    register_vector(connection)
                    connection.execute(f"SET hnsw.ef_search = {effort}")

                    def search(vector):  # type: ignore[no-untyped-def]
                        found = connection.execute(
                            "SELECT row FROM bench ORDER BY vector <=> %s LIMIT %s", (vector, K)
                        )
                        return [row for (row,) in found]

                    yield search

            drive(connect, queries)
        finally:
            server.cleanup()


def _fill(uri: str, vectors) -> None:  # type: ignore[no-untyped-def]
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        register_vector(connection)
        connection.execute(f"CREATE TABLE bench (row int, vector vector({vectors.shape[1]}))")
        with connection.cursor() as cursor:
            statement = "COPY bench (row, vector) FROM STDIN WITH (FORMAT BINARY)"
            with cursor.copy(statement) as copy:
                copy.set_types(["int4", "vector"])
                for row, vector in enumerate(vectors):
                    copy.write_row((row, vector))
        connection.execute("SET maintenance_work_mem = '1GB'")
        connection.execute("CREATE INDEX ON bench USING hnsw (vector vector_cosine_ops)")


main()
