"""Changes that these tests ask for, and what holds after them."""

from lookalike.changes import Addition, Additions, ChangeLog, Deletion, Standing


def ask(log: ChangeLog, count: int) -> Standing:
    """Ask for some changes, one of ten ids each; give what holds."""
    for number in range(count):
        name = f"picture {number % 10}"
        added = Additions([Addition(name, f"{number:064x}")])
        log.append(added if number % 3 else Deletion([name]))
    return log.standing()


def words(now: Standing) -> tuple[object, object]:
    return now.deleted, now.added
