"""How an export stands, in the reader's language and for programs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext

from portal.blueprints.moments import iso
from portal.queries.export_search import ExportState, Manifest


@dataclass(frozen=True, slots=True)
class State:
    """A badge's tone, icon and word, and what it means for whoever holds the file."""

    tone: str
    icon: str
    word: str
    meaning: str


def state_of(manifest: Manifest, now: datetime) -> State:
    """How an export stands."""
    if manifest.is_complete:
        meaning = gettext("Un fichier qui a cette empreinte est complet et intact.")
        return State("success", "circle-check", gettext("complet"), meaning)
    if manifest.state is ExportState.RUNNING and not manifest.is_lost(now):
        return State("info", "hourglass", gettext("en cours"), gettext("L’empreinte sera là quand il sera fini."))
    meaning = gettext("Le fichier reçu est incomplet : ne vous en servez pas comme preuve.")
    if manifest.state is ExportState.CUT:
        return State("warning", "circle-minus", gettext("interrompu"), meaning)
    word = gettext("jamais terminé") if manifest.state is ExportState.RUNNING else gettext("échoué")
    return State("error", "circle-x", word, meaning)


def reason_of(manifest: Manifest) -> str:
    """Why an export was cut."""
    words = {
        "reader_gone": gettext("le lecteur est parti avant la fin"),
        "too_long": gettext("le temps accordé (15 minutes) était passé"),
    }
    return str(words.get(manifest.error or "", manifest.error or "—"))


def manifest_json(manifest: Manifest) -> dict[str, Any]:
    """A manifest for programs."""
    return {
        "id": str(manifest.id),
        "file": manifest.name,
        "book": manifest.book,
        "format": manifest.format,
        "filters": manifest.filters,
        "by": manifest.asked_by,
        "requestId": str(manifest.request_id),
        "startedAt": iso(manifest.created_at),
        "endedAt": iso(manifest.ended_at) if manifest.ended_at else None,
        "state": manifest.state,
        "complete": manifest.is_complete,
        "rows": manifest.rows,
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "error": manifest.error,
    }
