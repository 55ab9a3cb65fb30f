"""A provider of mail that delivers to nobody: it keeps what it was given, and shows it.

    POST   /mailbox/messages         takes a mail; the same id again is the same mail
    GET    /mailbox/messages?to=...  the newest first
    GET    /mailbox/messages/{id}
    DELETE /mailbox/messages         empties it
    POST   /admin/mailbox/faults     {"kind": "down", "calls": 3, "to": "anna@"}

The page is at /mailbox.
"""
