"""The least that a receiver could do, to measure against: a Flask view that inserts one row and commits."""

import os

import psycopg2
from flask import Flask, request
from psycopg2.pool import ThreadedConnectionPool

app = Flask(__name__)
pool = ThreadedConnectionPool(8, 16, os.environ["BARE_DSN"])


@app.get("/healthz")
def healthz() -> str:
    """Whether it is up."""
    return "ok"


@app.post("/")
def receive() -> str:
    """One row, one commit."""
    connection = pool.getconn()
    try:
        with connection, connection.cursor() as cursor:
            body = psycopg2.Binary(request.get_data())
            cursor.execute("insert into bare (payload) values (%s)", (body,))
    finally:
        pool.putconn(connection)
    return "ok"
