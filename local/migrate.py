"""Brings every SQL database of the selected services to the newest schema.

Run at each start of a local shop and at each deployment; harmless where nothing is to be done, and
where several run at once.
"""

import sys

from funchost.pipes import run_quietly
from functions.databases import SCHEMAS
from shared.config.settings import Settings, SettingsError
from shared.sql.database import Database
from shared.sql.migrations import upgrade


def migrate(settings: Settings) -> list[str]:
    """A sentence for each database."""
    done = []
    for schema in SCHEMAS:
        if schema.service in settings.SERVICES:
            database = Database(settings.require(schema.setting))
            revision = upgrade(database, schema.migrations)
            database.dispose()
            done.append(f"{schema.setting} is at revision {revision}.")
    return done


def main() -> int:
    try:
        sentences = migrate(Settings.from_env())
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(sentences))
    return 0


if __name__ == "__main__":
    sys.exit(run_quietly(main))
