"""Plain Python under everything: errors, money, time, ids, text. No Django, no database, no HTTP."""
