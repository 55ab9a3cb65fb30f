"""Stand-ins for third parties, each stateful and as strict as what it stands in for.

`python -m sandbox --port 7072 --state DIR` serves all of them on one port. They know nothing of the
shop: what they share with it are public protocols and files in the state folder.
"""
