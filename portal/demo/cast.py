"""Who plays in the demo: creators with their accounts, admins, and people who book."""

from dataclasses import dataclass
from enum import StrEnum

from portal.models import PayoutSchedule


class Standing(StrEnum):
    """In what state a creator's Stripe account is."""

    READY = "ready"
    REQUIREMENTS_DUE = "requirements_due"
    PAYOUTS_DISABLED = "payouts_disabled"
    BANK_ERRORED = "bank_errored"
    NO_ACCOUNT = "no_account"


@dataclass(frozen=True, slots=True)
class Part:
    """One creator; `last4` decides at the local Stripe what becomes of a payout."""

    name: str
    handle: str
    country: str = "FR"
    currency: str = "EUR"
    schedule: PayoutSchedule = PayoutSchedule.MANUAL
    standing: Standing = Standing.READY
    last4: str = "3000"
    email: str = ""


PASSWORD = "callastar-demo"  # noqa: S105 -- the demo's, printed at every start
DAILY, WEEKLY, MONTHLY = PayoutSchedule.DAILY, PayoutSchedule.WEEKLY, PayoutSchedule.MONTHLY
CREATORS = (
    Part("Camille Laurent", "camille-laurent", email="creator@callastar.test"),
    Part("Léa Fontaine", "lea-fontaine"),
    Part("Jules Moreau", "jules-moreau", schedule=WEEKLY),
    Part("Chloé Bernard", "chloe-bernard"),
    Part("Hugo Lefèvre", "hugo-lefevre", schedule=MONTHLY),
    Part("Inès Garnier", "ines-garnier", last4="2227"),
    Part("Nathan Rousseau", "nathan-rousseau", schedule=DAILY),
    Part("Manon Dubois", "manon-dubois"),
    Part("Oliver Whitfield", "oliver-whitfield", "GB", "GBP"),
    Part("Amelia Hartley", "amelia-hartley", "GB", "GBP", schedule=WEEKLY),
    Part("Lukas Brunner", "lukas-brunner", "CH", "CHF"),
    Part("Giulia Conti", "giulia-conti", "IT"),
    Part("Matteo Ricci", "matteo-ricci", "IT", schedule=WEEKLY),
    Part("Sofía Navarro", "sofia-navarro", "ES"),
    Part("Pablo Ortega", "pablo-ortega", "ES", standing=Standing.REQUIREMENTS_DUE),
    Part("Emma de Vries", "emma-de-vries", "NL", standing=Standing.BANK_ERRORED, last4="1116"),
    Part("Lars Jansen", "lars-jansen", "NL", standing=Standing.NO_ACCOUNT),
    Part("Aino Virtanen", "aino-virtanen", "FI", standing=Standing.PAYOUTS_DISABLED),
    Part("Hannah Vogel", "hannah-vogel", "DE"),
    Part("Jonas Weber", "jonas-weber", "DE", schedule=DAILY),
    Part("Grace Miller", "grace-miller", "US", "USD"),
    Part("Yuki Tanaka", "yuki-tanaka", "JP", "JPY"),
    Part("Zofia Kowalska", "zofia-kowalska", "PL", schedule=MONTHLY),
    Part("Théo Marchand", "theo-marchand"),
    Part("Noémie Perrin", "noemie-perrin"),
    Part("Maxime Girard", "maxime-girard"),
    Part("Élise Caron", "elise-caron"),
)
ADMINS = (("Claire Delmas", "admin@callastar.test"), ("Antoine Mercier", "antoine.mercier@callastar.test"))
AUDITOR = ("Irène Vasseur", "auditor@callastar.test")
FIRST_USER = ("Sarah Petit", "user@callastar.test")
FIRST_NAMES = (
    "Adam", "Alice", "Baptiste", "Clara", "Damien", "Éva", "Florian", "Gaëlle", "Henri", "Irène", "Joris", "Karim",
    "Louise", "Maël", "Nadia", "Océane", "Paul", "Quentin", "Romane", "Samir", "Tess", "Ulysse", "Victor", "Wendy",
    "Yanis", "Zoé", "Anna", "Bruno", "Carla", "Diego", "Elena", "Felix", "Greta", "Ivo", "Jana", "Klara", "Leon",
    "Mara", "Nils",
)  # fmt: skip
LAST_NAMES = (
    "Martin", "Robert", "Richard", "Durand", "Simon", "Michel", "Leroy", "Roux", "David", "Bertrand", "Morel",
    "Fournier", "Girard", "Bonnet", "Lambert", "Faure", "Blanc", "Guérin", "Müller", "Rossi", "García", "Visser",
    "Novak", "Lindqvist", "Costa", "Schmitt", "Moretti", "Peeters", "Aubert",
)  # fmt: skip
TITLES = (
    "Appel découverte", "Conseil carrière", "Coaching vocal", "Questions-réponses en direct", "Cours de guitare",
    "Relecture de scénario", "Préparation d’audition", "Conseil photo", "Coaching sportif", "Session cuisine",
    "Échange entre artistes", "Portfolio : revue en détail", "Initiation au montage", "Méditation guidée",
    "Stratégie réseaux sociaux",
)  # fmt: skip
