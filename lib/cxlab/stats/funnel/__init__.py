"""The ordered funnel: one pass over a log of any size answers every window.

``rules`` what is asked, ``kernel`` and ``compiled`` the pass, ``scan`` and ``files`` where a log lies,
``result`` the answers. Nothing is imported here: a funnel of a file needs no pandas.
"""
