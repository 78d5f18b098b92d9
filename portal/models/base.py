"""What every table shares: the registry, constraint names, time-ordered ids and aware timestamps."""

import os
import time
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from sqlalchemy import DateTime, Enum, MetaData, func
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.orm import DeclarativeBase, mapped_column, registry

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = MetaData(naming_convention=NAMES)


class Base(DeclarativeBase):
    """The declarative base of every model."""

    registry = registry(metadata=metadata)


def uuid7() -> UUID:
    """A time-ordered UUID (RFC 9562, version 7), made here because PostgreSQL before 18 has none."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62
    return UUID(int=value | random & (1 << 62) - 1)


def pg_enum(values: type[StrEnum], name: str) -> ENUM:
    """A PostgreSQL enum holding the values of `values`, in their order; migrations create it."""
    return ENUM(values, name=name, create_type=False, values_callable=lambda kinds: [k.value for k in kinds])


def word(values: type[StrEnum]) -> Enum:
    """A text column for a closed set; the table's check constraint closes it."""
    return Enum(values, native_enum=False, values_callable=lambda kinds: [k.value for k in kinds])


Id = Annotated[UUID, mapped_column(primary_key=True, default=uuid7)]
Timestamp = Annotated[datetime, mapped_column(DateTime(timezone=True))]
CreatedAt = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]
OptionalTimestamp = Annotated[datetime | None, mapped_column(DateTime(timezone=True))]
