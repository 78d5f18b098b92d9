"""The help page: levels, actors, statuses, searches that work, and every event of the catalogue."""

from itertools import groupby
from typing import Any

from flask import render_template, request
from flask_babel import lazy_gettext as _

from portal.audit.catalogue import CATALOGUE, EventSpec
from portal.blueprints.access import READERS, requires
from portal.blueprints.dashboard import bp
from portal.queries.parameters import one, refuse_unknown
from portal.queries.payout_search import PayoutStatus

LEVELS = {
    "INFO": _("Ce qui se passe normalement : demandes, approbations, paiements, connexions."),
    "WARNING": _("Ce qui mérite un regard, sans rien bloquer : un refus d’accès, un solde trop bas."),
    "ERROR": _("Ce qui a échoué : un refus, une réponse de Stripe, un bug, avec sa raison."),
    "CRITICAL": _("Ce qui demande quelqu’un tout de suite ; ces lignes ne sont jamais supprimées."),
}
ACTORS = {
    "ADMIN": _("Un administrateur, avec son identifiant."),
    "CREATOR": _("Un créateur, sous son identifiant de créateur."),
    "USER": _("Un client."),
    "SYSTEM": _("Le portail lui-même : tâches planifiées, webhooks, étapes automatiques."),
    "GUEST": _("Quelqu’un qui n’est pas connecté."),
}
STATUSES = {
    PayoutStatus.REQUESTED: _("Demandé ; un administrateur doit décider."),
    PayoutStatus.APPROVED: _("Approuvé ; l’envoi à Stripe suit dans les secondes."),
    PayoutStatus.SUBMITTING: _("Envoyé, réponse de Stripe inconnue ; le portail la redemande avec la même clé."),
    PayoutStatus.REVIEW: _("Issue inconnue depuis plus de 23 heures ; quelqu’un doit vérifier chez Stripe."),
    PayoutStatus.PROCESSING: _("Chez Stripe, en route vers la banque ; le solde est débité."),
    PayoutStatus.PAID: _("Arrivé à la banque."),
    PayoutStatus.FAILED: _("Refusé par Stripe ou par la banque ; rien n’est arrivé."),
    PayoutStatus.RETURNED: _("Renvoyé par la banque après son arrivée."),
    PayoutStatus.REJECTED: _("Refusé par un administrateur, avec une raison que le créateur lit."),
    PayoutStatus.CANCELED: _("Annulé avant d’arriver, par le créateur ou un administrateur."),
}
EXAMPLES = (
    ("solde insuffisant", _("les deux mots, n’importe où dans le message, le type, l’acteur ou les métadonnées")),
    ('"solde insuffisant"', _("la phrase exacte")),
    ("type:PAYOUT_*", _("tous les types qui commencent ainsi")),
    ("level:ERROR actor:SYSTEM", _("un niveau et un acteur ; les champs séparés par une espace s’ajoutent")),
    ("level:ERROR OR level:CRITICAL", _("l’un ou l’autre")),
    ("type:PAYOUT_* -type:PAYOUT_PAID", _("tout sauf ce qui suit le tiret")),
    ("(level:ERROR OR level:CRITICAL) -type:WEBHOOK_*", _("des parenthèses pour grouper")),
    ("amount>=100", _("une métadonnée chiffrée, comparée")),
    ("has:errorStack", _("les lignes qui ont cette métadonnée, ici une pile d’appels")),
    ("stripeErrorCode:balance_insufficient", _("n’importe quelle métadonnée par son nom")),
)
"""Searches of the system log that the page explains; each is a link that runs it."""


@bp.get("/dashboard/admin/help")
@requires(*READERS)
def help_page() -> str:
    """What the words of the portal mean; `q` narrows the events."""
    refuse_unknown(request.args, ("q",))
    text = (one(request.args, "q") or "").casefold()
    events = [spec for spec in CATALOGUE.values() if text in f"{spec.type} {spec.message}".casefold()]
    families: list[tuple[str, list[EventSpec]]] = [
        (family, list(found)) for family, found in groupby(sorted(events, key=_type), key=_family)
    ]
    shown: dict[str, Any] = {"levels": LEVELS, "actors": ACTORS, "statuses": STATUSES, "examples": EXAMPLES}
    return render_template("dashboard/help.html", families=families, count=len(events), text=text, **shown)


def _type(spec: EventSpec) -> str:
    return spec.type


def _family(spec: EventSpec) -> str:
    return spec.type.partition("_")[0]
