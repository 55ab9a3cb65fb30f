"""Providers of mail, one module each, all behind `ports.MailPort`.

What a provider says is reduced to its code before anybody logs it, since its texts quote addresses.
"""
