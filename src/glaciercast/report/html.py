"""The pages' shared frame: one base template and one style sheet, both written into each page, so that it loads nothing."""

from __future__ import annotations

from typing import Any


def render(template: str, **values: Any) -> str:
    """Return a page as text.

    Titles, notes and names come from users' files: nothing of `values` reaches the page unescaped.

    Parameters
    ----------
    template
        File under ``templates``; it extends ``base.html``, which holds ``style.css``.
    values
        What the template names; a name that is missing is an error.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("glaciercast.report", "templates")
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return pages.get_template(template).render(**values)
