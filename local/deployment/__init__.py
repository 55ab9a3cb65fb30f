"""What a deployment does around the templates: the hooks of azure.yaml, and the smoke test.

They need azd, which signs them in, and Python; nothing of Azure's own command line.
"""
