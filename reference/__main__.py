"""Write every page that is made of code: ``python -m reference``."""

from reference import DOCS, PAGES

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
