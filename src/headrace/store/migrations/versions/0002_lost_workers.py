"""How often an attempt at an activity lost its worker."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Count from now on; until now nobody told workers that died from workers that left."""
    op.add_column("activity_runs", sa.Column("lost", sa.Integer(), nullable=False, server_default="0"))
