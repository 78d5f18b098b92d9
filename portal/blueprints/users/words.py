"""Roles in words, and what each act on an account asks and says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _

from portal.domain.doors import administering
from portal.domain.people import Role

ROLES: Mapping[Role, Any] = {
    Role.USER: _("Client"),
    Role.CREATOR: _("Créateur"),
    Role.ADMIN: _("Administrateur"),
    Role.AUDITOR: _("Auditeur"),
}

PLURALS: Mapping[Role, Any] = {
    Role.USER: _("Clients"),
    Role.CREATOR: _("Créateurs"),
    Role.ADMIN: _("Administrateurs"),
    Role.AUDITOR: _("Auditeurs"),
}


@dataclass(frozen=True, slots=True)
class Act:
    """One act on an account: its rule, its question and its answer, whose %(name)s is the person's.

    Without an answer the act has a page of its own.
    """

    verb: Callable[..., Any]
    question: Any
    button: Any
    busy: Any
    next: tuple[Any, ...]
    undo: Any
    done: Any = ""
    tone: str = "danger"


ACTS: Mapping[str, Act] = {
    "disable": Act(
        administering.disable_user,
        _("Désactiver le compte de %(name)s"),
        _("Désactiver le compte"),
        _("Désactivation…"),
        (
            _("Cette personne est déconnectée partout et ne peut plus se connecter ; ses liens sont annulés."),
            _("Les appels d’un créateur ne sont plus proposés ; ce qui est réservé ou demandé reste."),
        ),
        _("Le compte peut être réactivé à tout moment."),
        _("Le compte de %(name)s est désactivé."),
    ),
    "enable": Act(
        administering.enable_user,
        _("Réactiver le compte de %(name)s"),
        _("Réactiver le compte"),
        _("Réactivation…"),
        (_("Cette personne peut de nouveau se connecter, avec le même mot de passe et le même second facteur."),),
        _("Une nouvelle désactivation reste possible."),
        _("Le compte de %(name)s est réactivé."),
        tone="primary",
    ),
    "role": Act(
        administering.change_role,
        _("Changer le rôle de %(name)s"),
        _("Changer le rôle"),
        _("Changement…"),
        (
            _("Cette personne est déconnectée partout ; à la prochaine connexion elle a le nouveau rôle."),
            _("Ce qui lui appartient (réservations, appels, payouts) reste, même si elle n’y a plus accès."),
        ),
        _("Le rôle peut être changé de nouveau."),
        _("%(name)s a un autre rôle."),
    ),
    "second_factor": Act(
        administering.reset_second_factor,
        _("Réinitialiser le second facteur de %(name)s"),
        _("Réinitialiser le second facteur"),
        _("Réinitialisation…"),
        (
            _("Le mot de passe suffit à se connecter, jusqu’à ce qu’un second facteur soit de nouveau activé."),
            _("Cette personne est déconnectée partout ; ses codes de récupération ne valent plus rien."),
        ),
        _("Rien ne rétablit l’ancien second facteur. Assurez-vous de parler à la bonne personne."),
        _("Le second facteur de %(name)s est réinitialisé."),
    ),
    "sessions": Act(
        administering.end_every_session,
        _("Terminer les sessions de %(name)s"),
        _("Terminer les sessions"),
        _("Déconnexion…"),
        (_("Cette personne est déconnectée de tous ses appareils et peut se reconnecter aussitôt."),),
        _("Les sessions terminées ne reviennent pas."),
        _("Les sessions de %(name)s sont terminées."),
    ),
    "link": Act(
        administering.make_password_link,
        _("Créer un lien de mot de passe pour %(name)s"),
        _("Créer le lien"),
        _("Création…"),
        (
            _("Le lien est montré une seule fois, à vous : transmettez-le par un canal sûr."),
            _("Il sert une fois, pendant 72 heures, à choisir un mot de passe ; il remplace les précédents."),
            _("L’ancien mot de passe vaut jusqu’à ce que le lien ait servi."),
        ),
        _("Désactiver le compte, ou créer un autre lien, annule celui-ci."),
        tone="primary",
    ),
}
"""By the last word of their address."""
