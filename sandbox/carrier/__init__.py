"""A carrier that speaks as EasyPost does (https://docs.easypost.com), as far as the shop needs it.

Parcels move along as business time passes, by a plan made when their label is bought; people and
tests may have them lost, damaged, delayed or returned.
"""
