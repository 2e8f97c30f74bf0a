"""What columns may be called: words that the tap knows, those of other languages, and no words."""

from __future__ import annotations

from typing import TypeAlias

_Names: TypeAlias = dict[str, tuple[str, ...]]

NAMES: dict[str, _Names] = {
    "known": {
        "message_id": ("ID", "MessageId", "MessageID", "Message ID", "message_id", "SMS ID"),
        "sender": ("From", "From", "from", "Sender", "sender", "Sender ID"),
        "recipient": ("To", "To", "to", "Recipient", "recipient", "Phone number"),
        "status": ("Status", "Status", "status", "Delivery status", "State", "Message status"),
        "status_code": ("StatusCode", "Status.Code", "status_code", "Status code"),
        "status_name": ("StatusName", "Status.Name", "status_name", "Status name"),
        "status_description": ("StatusDescription", "Status.Description", "Status description"),
        "created_at": ("CreationTS", "CreationTS", "created_at", "Creation date", "Created"),
        "sent_at": ("SentTS", "SentTS", "sent_at", "Sent date", "Sent"),
        "sms_count": ("SMSCount", "SmsCount", "sms_count", "Parts", "Number of parts"),
        "cost_value": ("Cost", "Cost.Value", "cost", "Price", "price_value"),
        "cost_currency": ("Currency", "Cost.Currency", "currency", "Price currency"),
    },
    "French": {
        "message_id": ("Identifiant", "Identifiant du message", "Réf. message"),
        "sender": ("Expéditeur", "De"),
        "recipient": ("Destinataire", "À", "Numéro"),
        "status": ("Statut", "État"),
        "status_code": ("Code du statut", "Code"),
        "status_name": ("Nom du statut", "Libellé"),
        "status_description": ("Description du statut", "Détail"),
        "created_at": ("Date de création", "Créé le", "Date"),
        "sent_at": ("Date d'envoi", "Envoyé le"),
        "sms_count": ("Nombre de SMS", "Nb SMS"),
        "cost_value": ("Coût", "Prix", "Montant"),
        "cost_currency": ("Devise", "Monnaie"),
    },
    "German": {
        "message_id": ("Kennung", "Nachrichten-ID", "Nachrichtennummer"),
        "sender": ("Absender", "Von"),
        "recipient": ("Empfänger", "An", "Rufnummer"),
        "status": ("Zustand", "Zustellstatus"),
        "status_code": ("Zustandscode", "Code"),
        "status_name": ("Zustandsname", "Bezeichnung"),
        "status_description": ("Zustandsbeschreibung", "Beschreibung"),
        "created_at": ("Erstellt am", "Erstellungszeit", "Datum"),
        "sent_at": ("Gesendet am", "Versandzeit"),
        "sms_count": ("Anzahl Teile", "Anzahl SMS"),
        "cost_value": ("Preis", "Kosten", "Betrag"),
        "cost_currency": ("Währung", "Devise"),
    },
    "Spanish": {
        "message_id": ("Identificador", "ID del mensaje"),
        "sender": ("Remitente", "De"),
        "recipient": ("Destinatario", "Para", "Teléfono"),
        "status": ("Estado", "Situación"),
        "status_code": ("Código de estado", "Código"),
        "status_name": ("Nombre del estado",),
        "status_description": ("Descripción del estado",),
        "created_at": ("Fecha de creación", "Creado"),
        "sent_at": ("Fecha de envío", "Enviado"),
        "sms_count": ("Número de partes", "Cantidad"),
        "cost_value": ("Coste", "Precio", "Importe"),
        "cost_currency": ("Moneda", "Divisa"),
    },
}
LANGUAGES = ("French", "German", "Spanish")

#: Each long enough for any file.
MEANINGLESS: tuple[tuple[str, ...], ...] = (
    tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    tuple(f"col{n}" for n in range(1, 30)),
    tuple(f"Spalte {n}" for n in range(1, 30)),
    tuple(f"field_{n:02}" for n in range(1, 30)),
    tuple(f"x{n}" for n in range(30)),
)
