"""The user interface kit: shell, parts, formats, charts, navigation."""
