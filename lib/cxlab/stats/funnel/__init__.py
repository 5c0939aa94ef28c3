"""The ordered funnel: one pass over a log of any size answers every window.

``rules`` what is asked, ``scan`` and ``kernel`` the pass, ``engines`` the same as one expression in any
engine, ``files`` where a log lies, ``result`` the answers. Nothing is imported here: a funnel of a file needs
no pandas.
"""
