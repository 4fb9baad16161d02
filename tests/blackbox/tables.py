"""The tables that the examples of the API's documentation use."""

CREW = "CREATE TABLE crew (id INTEGER NOT NULL PRIMARY KEY, name TEXT, rank INTEGER)"
BAYS = "CREATE TABLE bays (id INTEGER PRIMARY KEY, tag TEXT)"
INSERT_CREW = "INSERT INTO crew(name, rank) VALUES(?, ?)"


def make_crew(client, *names):
    """The table, and these people in it, with ids from 1 and ranks from 7."""
    client.must(CREW, *([INSERT_CREW, name, 7 + i] for i, name in enumerate(names)))
