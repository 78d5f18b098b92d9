"""Event types as people write them: in any case, whole or by their beginning."""

from collections.abc import Collection

from portal.queries.probes import prefix_of


def families(types: Collection[str]) -> list[str]:
    """Every beginning up to the first underscore, then every type."""
    return sorted({f"{name.partition('_')[0]}_*" for name in types}) + sorted(types)


def as_known(given: str, types: Collection[str]) -> str:
    """A type or beginning in capitals where only so it is a known one."""
    return given.upper() if not matching(given, types) and matching(given.upper(), types) else given


def matching(given: str, types: Collection[str]) -> list[str]:
    """The types that a value, or a beginning that ends in _ or *, stands for."""
    prefix = prefix_of(given)
    return [name for name in types if (name == given if prefix is None else name.startswith(prefix))]
