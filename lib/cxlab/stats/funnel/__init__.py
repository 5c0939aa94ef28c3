"""The ordered funnel: one pass over a log of any size answers every window.

``rules`` what is asked, ``kernel`` and ``compiled`` the pass, ``scan`` tables and files, ``expression`` the
same in any engine that ibis speaks, ``result`` the answers. Nothing is imported here: a funnel of a file
needs no pandas.
"""
