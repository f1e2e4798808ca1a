"""Every figure and the report page; matplotlib and jinja2 are imported where they are used."""
