"""A minute over actions and faults, against a simple model; `python -m tests.faults.model` walks long."""

from pathlib import Path

from flask import Flask
from sqlalchemy import Engine

from tests.faults.model import walk, world_of


def test_books_and_bank_agree_wherever_a_walk_over_actions_and_faults_leads(
    portal_app: Flask, owner_engine: Engine, tmp_path: Path
) -> None:
    with world_of(portal_app, owner_engine, tmp_path) as world:
        walk(world, examples=25, steps=40, seed_=20261122)
    assert world.steps > 400
    assert world.sent > 40
