"""Run migrations on the connection that `lib.store.init` holds, inside its transaction."""

from __future__ import annotations

from alembic import context

from lib.store import tables

context.configure(connection=context.config.attributes["connection"], target_metadata=tables.metadata)
context.run_migrations()
