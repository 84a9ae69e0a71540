"""The ground: settings, database, clock, access, audit, jobs, lake, HTTP, user interface kit."""
